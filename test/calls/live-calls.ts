// Sends the rows of a call table through a live proxy and holds each answer to what decide said.
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import type { Decision } from '#decide/decision.ts';
import type { BackendAnswer } from '#test/calls/backends.ts';
import { serverNameOf } from '#test/calls/call-of.ts';
import { type TableCall, titleOf } from '#test/calls/call-table.ts';
import { statusOf } from '#test/calls/decided.ts';
import { passthroughEndpoint } from '#test/calls/on-loopback.ts';
import type { CaseCertificates } from '#test/support/case-certificates.ts';
import { type HttpAnswer, httpCall } from '#test/support/http-call.ts';
import { tlsCall } from '#test/support/tls-call.ts';

/** A row, and the decisions it may come to. */
export type LiveCall = { readonly call: TableCall; readonly decisions: readonly Decision[] };

/** Status 0: the connection ended without an answer. */
export type LiveAnswer = { readonly answer: HttpAnswer; readonly backend: BackendAnswer | undefined };

export async function runLive(
  calls: readonly LiveCall[],
  listenerPorts: ReadonlyMap<string, number>,
  certificates?: CaseCertificates,
): Promise<readonly LiveAnswer[]> {
  const answers: LiveAnswer[] = [];
  for (const { call, decisions } of calls) {
    const port = listenerPorts.get(decisions[0]?.listener ?? '');
    if (port === undefined) throw new Error(`${titleOf(call)}: no listener takes it`);
    const answer = await liveCall(call, port, certificates);
    if (call.expect.handshake === 'refused') {
      assert.equal(answer.status, 0, `${titleOf(call)}: the handshake was taken`);
      answers.push({ answer, backend: undefined });
      continue;
    }
    const backend = answer.headers['content-type'] === 'application/json' ? (JSON.parse(answer.body) as BackendAnswer) : undefined; // our own backend's
    const matches = decisions.some((decision) => agrees(decision, answer, backend));
    assert.ok(matches, `${titleOf(call)}: got ${answer.status} from ${backend?.cluster ?? 'the proxy'} ${backend?.endpoint ?? ''} ${answer.body}`);
    assertSeen(call, answer, backend);
    answers.push({ answer, backend });
  }
  return answers;
}

async function liveCall({ request, expect }: TableCall, port: number, certificates: CaseCertificates | undefined): Promise<HttpAnswer> {
  const url = new URL(request.url);
  const call = {
    port,
    method: request.method,
    path: url.pathname + url.search,
    headers: { host: request.authority ?? url.host, ...request.headers },
  };
  if (url.protocol !== 'https:') return expect.status === 0 ? httpCall(call).catch(() => nothing) : httpCall(call);
  if (certificates === undefined) throw new Error(`${request.url}: the case has no certificates`);
  const { certificate, ...tls } = request.tls ?? {};
  const serverName = serverNameOf(request);
  const pair = certificate === undefined ? undefined : certificates.pair(certificate);
  const shown = await tlsCall({
    ...call,
    ...tls,
    roots: certificates.roots,
    ...(serverName !== undefined && { serverName }),
    ...(pair !== undefined && { pair }),
  });
  if (expect.certificate !== undefined) assert.equal(shown.subject, expect.certificate, request.url);
  return shown.answer;
}

const nothing: HttpAnswer = { status: 0, headers: {}, body: '' };

function assertSeen(call: TableCall, answer: HttpAnswer, backend: BackendAnswer | undefined): void {
  const { sees = {}, challenge } = call.expect;
  for (const [name, value] of Object.entries(sees)) assert.equal(backend?.headers[name] ?? null, value, `${titleOf(call)}: ${name}`);
  if (challenge !== undefined) assert.equal(answer.headers['www-authenticate'], challenge, titleOf(call));
}

function agrees(decision: Decision, answer: HttpAnswer, backend: BackendAnswer | undefined): boolean {
  const { outcome } = decision;
  if (answer.status !== statusOf(decision)) return false;
  // What passes a TCP proxy is a request to the backend alone.
  if (outcome.kind === 'tcp') return backend?.cluster === outcome.cluster && outcome.endpoints.some(({ key }) => key === backend.endpoint);
  if (outcome.kind !== 'forward') return backend === undefined && (outcome.kind !== 'local-reply' || outcome.location === answer.headers['location']);
  if (backend === undefined || backend.cluster !== outcome.cluster) return false;
  const known = backend.endpoint === passthroughEndpoint || outcome.endpoints.some(({ key }) => key === backend.endpoint);
  return known && backend.path === outcome.path && backend.authority === outcome.authority;
}

/** Differ from one request to the next by nature. */
const ofTheMoment = new Set(['x-request-id', 'date', 'x-envoy-upstream-service-time', 'content-length']);

/** Envoy says nothing in the body of most local replies; the embedded proxy says why it answers, and so has a type for it. */
const ofLocalReplies = new Set(['content-type', 'content-length']);

/** What both data planes must do alike: status, and the headers that the backend and the client see. */
export function comparable({ answer, backend }: LiveAnswer) {
  const client = steady(answer.headers, backend === undefined ? ofLocalReplies : none);
  return { status: answer.status, client, backend: backend === undefined ? undefined : steady(backend.headers, none) };
}

const none: ReadonlySet<string> = new Set();

/** Values that must be equal stay; of those of the moment only that they are there. */
function steady(headers: Readonly<Record<string, string>>, without: ReadonlySet<string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !without.has(name))
      .map(([name, value]): [string, string] => [name, ofTheMoment.has(name) ? 'some value' : hostless(value)])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

const ownAddresses = Object.values(networkInterfaces()).flatMap((entries) => (entries ?? []).map(({ address }) => address));

/** For a client on loopback Envoy writes the machine's outer address into x-forwarded-for, the embedded proxy the client's. */
function hostless(value: string): string {
  return value
    .split(',')
    .map((part) => (ownAddresses.includes(part) ? 'this host' : part))
    .join(',');
}
