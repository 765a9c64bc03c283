// Asks the admin API of a mesh that runs here: JSON over HTTP, and connections that are upgraded. In: where it answers, and its token. Nothing of what is
// sent or answered is kept.
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import type { VerbFailure } from '#admin/client/verbs.ts';
import { isObject } from '#base/object.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { SecretText } from '#base/secret-text.ts';

export type AdminTarget = {
  /** `http://127.0.0.1:15014` */
  readonly url: string;
  readonly token?: SecretText;
  /** PEM: the certificate that it shows, where it speaks TLS. */
  readonly certificate?: string;
};

/** `unreachable`: nobody answers there (any more). */
export type AdminFailure = Omit<VerbFailure, 'status'> & { readonly status: number | 'unreachable' };

/** GET. `parameters` that are undefined are left out. */
export function read(
  target: AdminTarget,
  path: string,
  parameters: Readonly<Record<string, string | undefined>>,
): Promise<Result<unknown, AdminFailure>> {
  return ask(target, 'GET', withQuery(path, parameters));
}

/** POST with a JSON body. */
export function change(target: AdminTarget, path: string, body: object): Promise<Result<unknown, AdminFailure>> {
  return ask(target, 'POST', path, JSON.stringify(body));
}

/** GET of a list that goes on: each line's value as it comes. Resolves when the other side ends it, or `signal` does. */
export async function follow(
  target: AdminTarget,
  path: string,
  parameters: Readonly<Record<string, string | undefined>>,
  onValue: (value: unknown) => void,
  signal: AbortSignal,
): Promise<Result<undefined, AdminFailure>> {
  const answer = await open(target, { method: 'GET', path: withQuery(path, parameters), signal });
  if (answer instanceof Error) return signal.aborted ? ok(undefined) : failed(unreachable(answer));
  if (answer.statusCode !== 200) return failed(failureOf(answer.statusCode ?? 0, await textOf(answer)));
  let rest = '';
  answer.setEncoding('utf8');
  answer.on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onValue(JSON.parse(line));
  });
  await new Promise<void>((resolve) => {
    answer.once('close', resolve);
    answer.once('error', () => resolve());
  });
  return ok(undefined);
}

/** A connection that speaks `protocol` from now on. `what` says what it is for. */
export function upgrade(target: AdminTarget, path: string, protocol: string, what: object): Promise<Result<Duplex, AdminFailure>> {
  const { promise, resolve } = Promise.withResolvers<Result<Duplex, AdminFailure>>();
  const outgoing = requestOf(target, {
    method: 'POST',
    path,
    headers: { connection: 'Upgrade', upgrade: protocol, 'heddle-request': Buffer.from(JSON.stringify(what)).toString('base64url') },
  });
  outgoing.once('upgrade', (_answer, socket, head) => {
    if (head.length > 0) socket.unshift(head);
    resolve(ok(socket));
  });
  outgoing.once('response', (answer) => void textOf(answer).then((text) => resolve(failed(failureOf(answer.statusCode ?? 0, text)))));
  outgoing.once('error', (error) => resolve(failed(unreachable(error))));
  outgoing.end();
  return promise;
}

/** With headers by name. */
type Asked = Omit<RequestOptions, 'headers'> & { readonly headers?: OutgoingHttpHeaders };

async function ask(target: AdminTarget, method: string, path: string, body?: string): Promise<Result<unknown, AdminFailure>> {
  const answer = await open(target, { method, path }, body);
  if (answer instanceof Error) return failed(unreachable(answer));
  const text = await textOf(answer);
  if (answer.statusCode !== 200) return failed(failureOf(answer.statusCode ?? 0, text));
  try {
    const value: unknown = JSON.parse(text);
    return ok(value);
  } catch {
    return failed({ status: 'unreachable', error: 'its answer was cut short' });
  }
}

function open(target: AdminTarget, options: Asked, body?: string): Promise<IncomingMessage | Error> {
  const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve) => {
    const outgoing = requestOf(target, { ...options, headers });
    outgoing.once('response', resolve);
    outgoing.once('error', resolve);
    outgoing.end(body);
  });
}

function requestOf({ url, token, certificate }: AdminTarget, { headers, ...options }: Asked) {
  const { protocol, hostname, port } = new URL(url);
  const all: RequestOptions = {
    ...options,
    host: hostname.replace(/^\[|\]$/g, ''),
    port,
    agent: false,
    headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token.reveal()}` }) },
  };
  if (protocol === 'http:') return httpRequest(all);
  // This one certificate and no other, whatever name it is for: who is asked is known by it.
  const pinned = { ca: certificate ?? [], allowPartialTrustChain: true, checkServerIdentity: () => undefined };
  return httpsRequest({ ...all, ...pinned });
}

function withQuery(path: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, value);
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  answer.setEncoding('utf8');
  try {
    for await (const part of answer) text += String(part);
  } catch {
    // Cut short: what came is all there is.
  }
  return text;
}

function failureOf(status: number, text: string): AdminFailure {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value) && typeof value['error'] === 'string') {
      // What the other side of this API sends: verbs.ts.
      return { ...(value as Omit<VerbFailure, 'status'>), status };
    }
  } catch {
    // Not ours.
  }
  return { status, error: `the admin API answered ${status}` };
}

function unreachable(error: Error): AdminFailure {
  return { status: 'unreachable', error: error.message };
}
