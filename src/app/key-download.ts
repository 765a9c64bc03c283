// The key set of a token issuer, from where it says that its keys are: one GET, or two where they are found by the issuer's OpenID configuration.
// What comes is checked before anyone is given it. Source: Istio, JwksResolver; OpenID Connect Discovery 1.0 section 4.
import type { IncomingMessage, RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { publicKeySet, readKeys } from '#base/json-web-keys.ts';
import { failed, ok, type Result } from '#base/result.ts';

export type KeyAddress = { readonly kind: 'uri'; readonly uri: string } | { readonly kind: 'discovery'; readonly issuer: string };

export type DownloadOptions = {
  /** Ends whatever is under way: the time is over, or nobody wants the keys any more. */
  readonly signal: AbortSignal;
  /** Whom to trust beside the roots of the system, PEM. */
  readonly roots?: readonly string[];
  /** Where a host of the mesh is; undefined for others, which DNS knows. */
  readonly locate?: (hostname: string, port: number) => Place | undefined;
  /** Connects to a host that is not of the mesh, where this process has no way there itself. Rejects with the reason. */
  readonly dial?: Dial;
};

export type Dial = (host: string, port: number) => Promise<Socket>;

export type Place = { readonly address: string; readonly port: number };

const maxBytes = 1_048_576;
/** As Go's client, which Istio asks with. */
const maxRedirects = 10;

/** The text of a key set with at least one key that proxies can use; else the reason in words. */
export async function downloadKeys(address: KeyAddress, options: DownloadOptions): Promise<Result<string, string>> {
  const uri = address.kind === 'uri' ? ok(address.uri) : await discover(address.issuer, options);
  if (!uri.ok) return uri;
  const text = await download(uri.value, options);
  if (!text.ok) return text;
  // Whoever may name an address must not get to read what stands there, unless it is meant for all.
  return readKeys(text.value) === undefined ? failed(`${uri.value} answers with something that is no key set`) : ok(publicKeySet(text.value).text);
}

async function discover(issuer: string, options: DownloadOptions): Promise<Result<string, string>> {
  const uri = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const text = await download(uri, options);
  if (!text.ok) return text;
  try {
    const { jwks_uri: found } = JSON.parse(text.value) as { readonly jwks_uri?: unknown };
    if (typeof found === 'string') return ok(found);
  } catch {
    // Said below.
  }
  return failed(`${uri} names no jwks_uri`);
}

async function download(uri: string, options: DownloadOptions): Promise<Result<string, string>> {
  let at = uri;
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const answer = await get(at, options);
    if (!answer.ok) return answer;
    const { status, location, body } = answer.value;
    if (status >= 200 && status < 300) return ok(body);
    if (status < 300 || status >= 400 || location === undefined) return failed(`${at} answers with ${status}`);
    const next = URL.canParse(location, at) ? new URL(location, at) : undefined;
    // From https to http anybody on the way could say what the keys are.
    const isSafe = next?.protocol === 'https:' || (next?.protocol === 'http:' && new URL(at).protocol === 'http:');
    if (next === undefined || !isSafe) return failed(`${at} leads to ${location}, which is not followed`);
    at = next.href;
  }
  return failed(`${uri} leads on and on`);
}

type Answer = { readonly status: number; readonly location: string | undefined; readonly body: string };

async function get(uri: string, options: DownloadOptions): Promise<Result<Answer, string>> {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return failed(`${uri} is no URL of http or https`);
  try {
    return await request(url, options);
  } catch (error) {
    return failed(`${uri}: ${options.signal.aborted ? 'no answer in time' : error instanceof Error ? error.message : String(error)}`);
  }
}

async function request(url: URL, { signal, roots, locate, dial }: DownloadOptions): Promise<Result<Answer, string>> {
  const place = locate?.(url.hostname, portOf(url));
  const options: RequestOptions = {
    signal,
    agent: false,
    headers: { accept: 'application/json', host: url.host },
    ...(place !== undefined && { hostname: place.address, port: place.port }),
  };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  // Node asks `createConnection` where there is no agent only.
  const socket = place === undefined ? await dial?.(url.hostname.replace(/^\[|\]$/g, ''), portOf(url)) : undefined;
  if (url.protocol === 'https:') {
    const [{ request: start }, { connect, rootCertificates }] = [await import('node:https'), await import('node:tls')];
    const secure = { servername: url.hostname, ...(roots !== undefined && { ca: [...rootCertificates, ...roots] }) };
    const over = socket === undefined ? secure : { agent: undefined, createConnection: () => connect({ ...secure, socket }) };
    start(url, { ...options, ...over }, resolve)
      .on('error', reject)
      .end();
  } else {
    const { request: start } = await import('node:http');
    const over = socket === undefined ? {} : { agent: undefined, createConnection: () => socket };
    start(url, { ...options, ...over }, resolve)
      .on('error', reject)
      .end();
  }
  const response = await promise;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) {
      response.destroy();
      return failed(`${url.href} answers with more than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return ok({ status: response.statusCode ?? 0, location: response.headers.location, body: Buffer.concat(chunks).toString('utf8') });
}

/** The one that the URL says, or that its scheme means. */
export function portOf({ port, protocol }: Pick<URL, 'port' | 'protocol'>): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}
