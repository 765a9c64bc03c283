// The paths of the admin API by which a running mesh is asked about and changed. What changes something is a POST with JSON, so that the door asks for
// the token and a web page's form can do nothing.
import type { Server } from 'node:https';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ManifestRequest, MeshVerbs, ResourceName, ResourceQuery, ResourceRow, VerbFailure } from '#admin/client/verbs.ts';
import { isObject } from '#base/object.ts';
import { failed, type Result } from '#base/result.ts';

/** A large mesh in one file. */
const mostBytes = 32 * 1024 * 1024;

type Answer = Result<unknown, VerbFailure>;
type MaybeLater = Answer | Promise<Answer>;

export const verbPaths = [
  '/get?kind=KIND&name=NAME&namespace=NAMESPACE&selector=LABELS',
  '/watch?kind=KIND (one JSON object a line)',
  '/describe?kind=KIND&name=NAME&namespace=NAMESPACE',
  '/rollout?kind=KIND&name=NAME&namespace=NAMESPACE',
  'POST /apply, /delete, /scale, /restart',
  'POST /exec, /port-forward, /run (upgrades)',
];

export function addVerbRoutes(server: FastifyInstance<Server>, verbs: MeshVerbs): void {
  server.get<{ Querystring: Record<string, string> }>('/get', async ({ query }, reply) => send(reply, withQuery(query, verbs.get)));
  server.get<{ Querystring: Record<string, string> }>('/watch', async ({ query }, reply) => watch(reply, query, verbs));
  server.get<{ Querystring: Record<string, string> }>('/describe', async ({ query }, reply) => send(reply, await withName(query, verbs.describe)));
  server.get<{ Querystring: Record<string, string> }>('/rollout', async ({ query }, reply) => send(reply, await withName(query, verbs.rollout)));
  const change = (path: string, run: (body: Readonly<Record<string, unknown>>) => MaybeLater): void => {
    server.post(path, { bodyLimit: mostBytes }, async ({ body }, reply) =>
      send(reply, isObject(body) ? await run(body) : failed({ status: 400, error: 'the body must be a JSON object' })),
    );
  };
  change('/apply', (body) => withManifests(body, verbs.apply));
  change('/delete', (body) => ('files' in body ? withManifests(body, verbs.removeFiles) : withName(body, verbs.remove)));
  change('/scale', (body) =>
    withName(body, (name) => {
      const { replicas } = body;
      if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0) {
        return failed({ status: 400, error: 'replicas must be a whole number, 0 or more' });
      }
      return verbs.scale({ ...name, replicas });
    }),
  );
  change('/restart', (body) => withName(body, verbs.restart));
}

function send(reply: FastifyReply, answer: Answer): FastifyReply {
  const [status, value] = answer.ok ? [200, answer.value] : [answer.error.status, withoutStatus(answer.error)];
  return reply
    .code(status)
    .type('application/json')
    .send(`${JSON.stringify(value)}\n`);
}

function withoutStatus({ status: _status, ...failure }: VerbFailure): object {
  return failure;
}

function withQuery<Value>(
  query: Readonly<Record<string, unknown>>,
  run: (query: ResourceQuery) => Result<Value, VerbFailure>,
): Result<Value, VerbFailure> {
  const { kind, name, namespace, selector } = query;
  if (typeof kind !== 'string' || kind === '') return failed({ status: 400, error: 'say which kind: ?kind=pods' });
  return run({
    kind,
    ...(typeof name === 'string' && name !== '' && { name }),
    ...(typeof namespace === 'string' && namespace !== '' && { namespace }),
    ...(typeof selector === 'string' && selector !== '' && { selector }),
  });
}

function withName({ kind, name, namespace = 'default' }: Readonly<Record<string, unknown>>, run: (name: ResourceName) => MaybeLater): MaybeLater {
  if (typeof kind !== 'string' || typeof name !== 'string' || typeof namespace !== 'string' || kind === '' || name === '') {
    return failed({ status: 400, error: 'say which resource: kind, name and namespace' });
  }
  return run({ kind, name, namespace });
}

function withManifests(body: Readonly<Record<string, unknown>>, run: (request: ManifestRequest) => MaybeLater): MaybeLater {
  const { files, namespace, dryRun } = body;
  const read = Array.isArray(files) ? files.map(readFile) : [undefined];
  const known = read.filter((file) => file !== undefined);
  if (known.length !== read.length) return failed({ status: 400, error: 'files must be a list of { file, text }' });
  return run({ files: known, ...(typeof namespace === 'string' && { namespace }), ...(dryRun === true && { dryRun }) });
}

function readFile(value: unknown): { readonly file: string; readonly text: string } | undefined {
  if (!isObject(value) || typeof value['file'] !== 'string' || typeof value['text'] !== 'string') return undefined;
  return { file: value['file'], text: value['text'] };
}

/** The whole list at once, then each row that is new, other or gone, one JSON object a line, until the caller goes away. */
function watch(reply: FastifyReply, query: Readonly<Record<string, string>>, verbs: MeshVerbs): FastifyReply {
  const first = withQuery(query, verbs.get);
  if (!first.ok) return send(reply, first);
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { ...stringHeaders(reply), 'content-type': 'application/x-ndjson' });
  const tell = (value: unknown): void => void raw.write(`${JSON.stringify(value)}\n`);
  tell(first.value);
  const isEvents = first.value.kind === 'Event';
  let known = rowTexts(first.value.rows, isEvents);
  const look = (): void => {
    // Nothing waits here for a caller that does not read: once it does, it is told of what has become of things by then.
    if (raw.writableNeedDrain) return;
    const now = withQuery(query, verbs.get);
    const next = rowTexts(now.ok ? now.value.rows : [], isEvents);
    for (const [key, { row, text }] of next) {
      const before = known.get(key);
      if (before?.text !== text) tell({ change: before === undefined ? 'added' : 'modified', row });
    }
    // That an event is forgotten is no news.
    if (!isEvents) for (const [key, { row }] of known) if (!next.has(key)) tell({ change: 'deleted', row });
    known = next;
  };
  raw.on('drain', look);
  const end = verbs.onChange(look);
  raw.once('close', end);
  return reply;
}

/** By name; events, which share the name of their pod, by what they say. Ages go on by themselves: what is compared leaves them out. */
function rowTexts(rows: readonly ResourceRow[], isEvents: boolean): ReadonlyMap<string, { readonly row: ResourceRow; readonly text: string }> {
  return new Map(
    rows.map((row) => {
      const text = JSON.stringify([row.cells.filter((cell) => !isAge(cell)), row.object]);
      return [isEvents ? text : `${row.namespace}/${row.name}`, { row, text }];
    }),
  );
}

function isAge(cell: string): boolean {
  return /^(?:\d+[dhms])+$/.test(cell);
}

function stringHeaders(reply: FastifyReply): Record<string, string> {
  return Object.fromEntries(Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]));
}
