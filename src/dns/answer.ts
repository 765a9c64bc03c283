// In: the bytes of a question, a name table, and who asks. Out: the bytes of the answer, or that somebody else must be asked. Pure: told its randomness.
// Source: Istio, ServeDNS and lookupHost; SRV and PTR as Kubernetes' specification of DNS has them.
import { reversedAddress, withoutSuffix } from '#dns/dns-name.ts';
import { type DnsClient, type Found, lookUp } from '#dns/lookup.ts';
import type { HostEntry, NameIndex } from '#dns/name-index.ts';
import { type Query, rcodes, readQuery, types } from '#dns/query.ts';
import { fitsName, nameBytes, pointerTo, type RecordBody, recordBody } from '#dns/record.ts';
import { type Reply, reasons, respond, type Transport } from '#dns/response.ts';
import { type ServicePlace, servicePlace, serviceRecords } from '#dns/service-record.ts';

export type AnswerContext = {
  /** Undefined until the first one has come. */
  readonly index: NameIndex | undefined;
  readonly client: DnsClient;
  readonly transport: Transport;
  /** In [0, 1): which of several addresses comes first. */
  readonly random: () => number;
  /** `cluster.local`, where nobody else knows names below it: what is not in the table is not there. */
  readonly ownDomain?: string;
};

export type Answer =
  | { readonly kind: 'respond'; readonly bytes: Buffer }
  /** `instead`: the answer where there is nobody to ask; and where `exists`, in place of one that there is no such name. */
  | { readonly kind: 'forward'; readonly instead: Buffer; readonly exists: boolean }
  /** The host is a name for `target`, which is not in the table; `with` makes the answer of the records found for that. */
  | {
      readonly kind: 'chase';
      readonly query: Query;
      readonly target: string;
      readonly with: (rcode: number, records: readonly Uint8Array[]) => Buffer;
    }
  | { readonly kind: 'ignore' };

const headerBytes = 12;

export function answer(bytes: Buffer, context: AnswerContext): Answer {
  const reading = readQuery(bytes);
  switch (reading.kind) {
    case 'nothing':
      return { kind: 'ignore' };
    case 'refusal':
      return { kind: 'respond', bytes: respond(bytes, reading.questionEnd, reading.edns, context.transport, { rcode: reading.rcode }) };
    case 'query':
      return answerQuery(reading.query, context);
  }
}

function answerQuery(query: Query, context: AnswerContext): Answer {
  const { index, client, ownDomain } = context;
  if (index === undefined) return said(query, context, { rcode: rcodes.serverFailure, reason: notReady });
  const found = lookUp(index, client, query.name);
  if (found !== undefined) return answerFound(query, found, index, context);
  const place = servicePlace(index, client, query.name);
  if (place !== undefined) return answerService(query, place, { chain: [], owner: pointerTo(headerBytes) }, index, context);
  const address = query.type === types.ptr ? reversedAddress(query.name) : undefined;
  const hosts = address === undefined ? [] : index.hostsAt(address);
  if (hosts.length > 0) {
    const answers = hosts.flatMap((host) => owned(pointerTo(headerBytes), recordBody({ type: 'PTR', data: host })));
    return said(query, context, { rcode: rcodes.noError, authoritative: true, answers });
  }
  if (ownDomain !== undefined && (query.name === ownDomain || withoutSuffix(query.name, ownDomain) !== undefined)) {
    return said(query, context, { rcode: rcodes.nameError, authoritative: true });
  }
  return forward(query, context, { rcode: rcodes.nameError, reason: outside });
}

const notReady: NonNullable<Reply['reason']> = { code: reasons.notReady, text: 'the names of the mesh have not come yet' };
const noName: NonNullable<Reply['reason']> = { code: reasons.other, text: 'the host that this name stands for is too long to be a name' };
const outside: NonNullable<Reply['reason']> = { code: reasons.prohibited, text: 'not a name of the mesh, and no name server outside is asked' };

function answerFound(query: Query, { entry, expandedFrom }: Found, index: NameIndex, context: AnswerContext): Answer {
  const question = pointerTo(headerBytes);
  // The name that the client means, where its resolver has put a search domain behind it.
  const chain = expandedFrom === undefined ? [] : owned(question, recordBody({ type: 'CNAME', data: expandedFrom }));
  const owner = expandedFrom === undefined ? question : afterFirst(query);
  if (entry.alias !== undefined) return answerAlias(query, entry.alias, { chain, owner }, index, context);
  if (query.type === types.cname && chain.length > 0) return records(query, context, chain);
  const own = recordsOf(query.type, entry, context.random);
  if (own !== undefined) return records(query, context, own.length === 0 ? [] : [...chain, ...own.flatMap((body) => owned(owner, body))]);
  if (entry.isKubernetes && query.type === types.srv) {
    const place = { entry, ports: entry.ports.filter(({ name }) => name !== '') };
    return place.ports.length === 0 ? records(query, context, []) : answerService(query, place, { chain, owner }, index, context);
  }
  // Of hosts outside others may know more than their addresses, and nobody of those inside. Never NXDOMAIN: there is such a name.
  return entry.isKubernetes || chain.length > 0
    ? records(query, context, [])
    : forward(query, context, { rcode: rcodes.noError, authoritative: true });
}

/** The first record after the question is a CNAME: its data is a name that others may belong to. */
function afterFirst({ questionEnd }: Query): Uint8Array {
  return pointerTo(questionEnd + 2 + 10);
}

type Chain = { readonly chain: readonly Uint8Array[]; readonly owner: Uint8Array };

/** An ExternalName: resolvers of apps do not follow it themselves. */
function answerAlias(query: Query, target: string, { chain, owner }: Chain, index: NameIndex, context: AnswerContext): Answer {
  const led = [...chain, ...owned(owner, recordBody({ type: 'CNAME', data: target }))];
  // Nobody can be asked for what is no name.
  if (!fitsName(target)) return said(query, context, { rcode: rcodes.serverFailure, reason: noName });
  if (query.type === types.cname) return records(query, context, led);
  const entry = lookUp(index, { namespace: '', domain: '' }, target)?.entry;
  if (entry !== undefined && entry.alias === undefined) {
    const own = recordsOf(query.type, entry, context.random) ?? [];
    return records(query, context, [...led, ...own.flatMap((body) => owned(nameBytes(target), body))]);
  }
  if (context.ownDomain !== undefined && withoutSuffix(target, context.ownDomain) !== undefined) return records(query, context, led);
  const finish = (rcode: number, found: readonly Uint8Array[]): Buffer => write(query, context, { rcode, answers: [...led, ...found] });
  return { kind: 'chase', query, target, with: finish };
}

/** Undefined where the table tells nothing of the type. */
function recordsOf(type: number, entry: HostEntry, random: () => number): readonly RecordBody[] | undefined {
  switch (type) {
    case types.a:
      return rotated(entry.v4, random);
    case types.aaaa:
      return rotated(entry.v6, random);
    case types.any:
      return [...rotated(entry.v4, random), ...rotated(entry.v6, random)];
    default:
      return undefined;
  }
}

/** Each address comes first as often as the others: most clients take the first one. */
function rotated<Item>(items: readonly Item[], random: () => number): readonly Item[] {
  if (items.length < 2) return items;
  const start = Math.floor(random() * items.length);
  return start === 0 ? items : [...items.slice(start), ...items.slice(0, start)];
}

function answerService(query: Query, place: ServicePlace, { chain, owner }: Chain, index: NameIndex, context: AnswerContext): Answer {
  if (place.ports.length === 0) return said(query, context, { rcode: rcodes.nameError, authoritative: true });
  if (query.type !== types.srv && query.type !== types.any) return records(query, context, []);
  const { services, hosts } = serviceRecords(index, place);
  const additionals = hosts.flatMap(({ host, v4, v6 }) => (fitsName(host) ? [...v4, ...v6] : []).flatMap((body) => owned(nameBytes(host), body)));
  const answers = [...chain, ...rotated(services, context.random).flatMap((body) => owned(owner, body))];
  return said(query, context, { rcode: rcodes.noError, authoritative: true, answers, additionals });
}

function records(query: Query, context: AnswerContext, answers: readonly Uint8Array[]): Answer {
  return said(query, context, { rcode: rcodes.noError, authoritative: true, answers });
}

function said(query: Query, context: AnswerContext, reply: Reply): Answer {
  return { kind: 'respond', bytes: write(query, context, reply) };
}

function forward(query: Query, context: AnswerContext, instead: Reply): Answer {
  return { kind: 'forward', instead: write(query, context, instead), exists: instead.rcode === rcodes.noError };
}

function write({ bytes, questionEnd, edns }: Query, { transport }: AnswerContext, reply: Reply): Buffer {
  return respond(bytes, questionEnd, edns, transport, reply);
}

function owned(owner: Uint8Array, body: RecordBody | undefined): readonly Uint8Array[] {
  if (body === undefined) return [];
  const record = new Uint8Array(owner.length + body.length);
  record.set(owner);
  record.set(body, owner.length);
  return [record];
}
