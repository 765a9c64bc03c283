// What a name comes to for an app: the names that its resolver asks for one after the other, what the name server beside it and that of the node say to each,
// and which line of which file is behind the answer. By the code that answers in a running mesh.
import { decode, encode } from 'dns-packet';
import type { NameQuestion, NameReport, NameStep } from '#admin/client/name-view.ts';
import { findWorkloads, noSuchWorkload } from '#app/authz-check.ts';
import { closest } from '#base/closest.ts';
import { formatOrigin } from '#base/origin.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { type AnswerContext, answer } from '#dns/answer.ts';
import { addressKey } from '#dns/dns-name.ts';
import { hostBehind } from '#dns/host-behind.ts';
import { dnsClient } from '#dns/lookup.ts';
import { NameIndex } from '#dns/name-index.ts';
import { rcodes } from '#dns/query.ts';
import { create } from '#envoy/create.ts';
import { type NameTable, NameTableSchema } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';
import type { OriginTable } from '#envoy/origin-table.ts';
import { nameTableName, typeUrls } from '#envoy/type-url.ts';
import type { Mesh } from '#model/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';

/** A name server: what it knows, and where that is from. */
type Server = { readonly by: NameStep['by']; readonly context: AnswerContext; readonly index: NameIndex; readonly origins: OriginTable };

/** As Kubernetes sets it: fewer dots than this, and search domains come first. */
const ndots = 5;
/** RFC 1035, 2.3.4, as it is written. */
const longestName = 253;
const longestLabel = 63;

/** The error is a sentence: no such workload, no such type. */
export function queryName(mesh: Mesh, question: NameQuestion): Result<NameReport, string> {
  const type = question.type.toUpperCase();
  const [workload] = findWorkloads(mesh, question);
  if (workload === undefined) return failed(noSuchWorkload(mesh, question));
  const asked = reversed(question.name, type);
  if (!asked.ok) return asked;
  const servers = serversFor(mesh, workload);
  const steps: NameStep[] = [];
  const report = { workload: `${workload.namespace}/${workload.name}`, question: { name: question.name, type } };
  for (const name of candidates(asked.value, workload.namespace, mesh.settings.domain)) {
    const said = askAll(servers, name, type);
    if (!said.ok) return said;
    const { server, bytes, result } = said.value;
    steps.push({ name, result, by: server.by });
    if (result === 'no such name') continue;
    const host = result === 'outside' ? undefined : hostOf(server, name, mesh);
    const found = { ...report, result, answers: recordsIn(bytes), ...(host !== undefined && { host }), steps };
    const note = noteOn(found, servers);
    return ok(note === undefined ? found : { ...found, note });
  }
  const nothing = { ...report, result: 'no such name' as const, answers: [], steps };
  const note = noteOn(nothing, servers);
  return ok(note === undefined ? nothing : { ...nothing, note });
}

/** The name server of the node behind that of the proxy. Gateways have one of their own, too. */
function serversFor(mesh: Mesh, workload: Parameters<typeof proxyForWorkload>[1]): readonly Server[] {
  const compiler = new MeshCompiler(mesh);
  const proxy = { ...proxyForWorkload(mesh, workload, { kind: 'redirect' }), capturesDns: true };
  const { resources, origins } = compiler.compile(proxy);
  // The one message of its type.
  const table = resources.get(typeUrls.nameTable)?.get(nameTableName)?.message as NameTable | undefined;
  const own = new NameIndex(table ?? create(NameTableSchema));
  const cluster = compiler.clusterNames();
  // As above.
  const all = new NameIndex(cluster.resource.message as NameTable);
  const common = { transport: 'tcp', random: () => 0 } as const;
  return [
    { by: 'proxy', context: { ...common, index: own, client: dnsClient(proxy.namespace, proxy.dnsDomain) }, index: own, origins },
    {
      by: 'node',
      context: { ...common, index: all, client: { namespace: '', domain: '' }, ownDomain: mesh.settings.domain },
      index: all,
      origins: cluster.origins,
    },
  ];
}

/** In the order in which resolvers try them, with the search domains of a pod. Source: resolv.conf(5). */
function candidates(written: string, namespace: string, domain: string): readonly string[] {
  if (written.endsWith('.')) return [written.slice(0, -1)];
  const searched = [`${namespace}.svc.${domain}`, `svc.${domain}`, domain]
    .map((suffix) => `${written}.${suffix}`)
    .filter(({ length }) => length <= longestName);
  return written.split('.').length > ndots ? [written, ...searched] : [...searched, written];
}

/** An address is asked about under its name for that. */
function reversed(name: string, type: string): Result<string, string> {
  const labels = name.replace(/\.$/, '').split('.');
  if (name.length > longestName || labels.some((label) => label === '' || Buffer.byteLength(label) > longestLabel))
    return failed(`'${name}' is no name`);
  if (type !== 'PTR' || name.toLowerCase().endsWith('.arpa')) return ok(name);
  const reverse = reverseName(name);
  return reverse === undefined ? failed(`PTR asks for the name of an address, and '${name}' is none`) : ok(`${reverse}.`);
}

function reverseName(address: string): string | undefined {
  const key = addressKey(address);
  if (key === undefined) return undefined;
  return key.includes('.') ? `${key.split('.').reverse().join('.')}.in-addr.arpa` : `${key.split('').reverse().join('.')}.ip6.arpa`;
}

type Said = { readonly server: Server; readonly bytes: Buffer; readonly result: NameStep['result'] };

/** The last one that is asked has the last word. */
function askAll(servers: readonly Server[], name: string, type: string): Result<Said, string> {
  let said: Said | undefined;
  for (const server of servers) {
    const bytes = encodeQuestion(name, type);
    if (bytes === undefined) return failed(`there is no record type ${type}: A, AAAA, SRV, PTR, CNAME, ANY, MX, TXT, …`);
    const given = answer(bytes, server.context);
    switch (given.kind) {
      case 'respond':
        return ok({ server, bytes: given.bytes, result: isNameError(given.bytes) ? 'no such name' : 'found' });
      case 'chase':
        return ok({ server, bytes: given.with(rcodes.noError, []), result: 'found' });
      case 'forward':
        said = { server, bytes: given.instead, result: given.exists ? 'found' : 'outside' };
        break;
      case 'ignore':
        return failed(`'${name}' is no name`);
    }
    if (said.result === 'found') return ok(said);
  }
  return said === undefined ? failed('there is no name server') : ok(said);
}

function encodeQuestion(name: string, type: string): Buffer | undefined {
  const bytes = encode({ type: 'query', id: 1, flags: 0x0100, questions: [{ name, type: type as 'A' }] }); // whatever the user wrote
  return bytes.readUInt16BE(bytes.length - 4) === 0 ? undefined : bytes;
}

function isNameError(bytes: Buffer): boolean {
  return (bytes.readUInt8(3) & 15) === rcodes.nameError;
}

function recordsIn(bytes: Buffer): NameReport['answers'] {
  return (decode(bytes).answers ?? []).flatMap((record) => {
    if (!('data' in record)) return [];
    const { data } = record;
    const text =
      typeof data === 'object' && data !== null && 'target' in data ? `${data.priority} ${data.weight} ${data.port} ${data.target}` : String(data);
    return [{ name: record.name, ttlSeconds: 'ttl' in record ? (record.ttl ?? 0) : 0, type: record.type, data: text }];
  });
}

function hostOf({ index, context, origins }: Server, name: string, mesh: Mesh): NameReport['host'] {
  const behind = hostBehind(index, context.client, name.toLowerCase());
  if (behind === undefined) return undefined;
  const { host, match, expandedFrom } = behind;
  const [origin] = origins.get({ kind: 'name', host });
  const service = mesh.services.get(host);
  const automatic = service !== undefined && service.addresses.length === 0 && service.automaticAddresses !== undefined;
  return {
    name: host,
    match,
    ...(expandedFrom !== undefined && { expandedFrom }),
    ...(origin?.resource !== undefined && { resource: origin.resource }),
    ...(origin !== undefined && { at: formatOrigin(origin) }),
    ...(automatic && { automatic }),
  };
}

/** Where the answer is not what one may expect. */
function noteOn({ result, answers, steps, question }: NameReport, servers: readonly Server[]): string | undefined {
  if (result === 'found') {
    const last = answers.at(-1);
    if (last?.type === 'CNAME' && question.type !== 'CNAME') return `${last.data} is asked of name servers outside, with \`heddle up --egress host\``;
    if (answers.length === 0) return `there is such a host, and it has no data of type ${question.type}`;
    if (steps.at(-1)?.by === 'proxy') return undefined;
    return 'its proxy is not told of this host (a Sidecar, or exportTo): it is answered as for a pod without a proxy, and calls to it follow no rules of the mesh';
  }
  const known = new Set(servers.flatMap(({ index }) => [...index.hosts()]));
  const near = closest(
    question.name.replace(/\.$/, ''),
    [...known].flatMap((host) => [host, ...shorter(host)]),
  );
  if (near !== undefined) return `did you mean ${near}?`;
  return result === 'outside' ? 'name servers outside are asked with `heddle up --egress host`; else there is no such name' : undefined;
}

/** `reviews.shop` and `reviews`, too, of `reviews.shop.svc.cluster.local`. */
function shorter(host: string): readonly string[] {
  const [name = '', namespace = '', svc] = host.split('.');
  return svc === 'svc' ? [`${name}.${namespace}`, name] : [];
}
