// Who may ask the admin API, and for what: how the door is set up in, and a verdict on each request out. On loopback anyone on this machine may
// read; anything wider needs TLS and a caller who says who he is. Whoever changes something must say so everywhere, and must not be led by a
// foreign web page.
import { createHash, timingSafeEqual } from 'node:crypto';
import { isForForeignPage, isHostOfThisMachine, isLoopback } from '#base/loopback.ts';
import type { SecretText } from '#base/secret-text.ts';

export type AdminDoor = {
  /** An IP address, or `localhost`. */
  readonly address: string;
  readonly tls?: DoorTls;
  /** What callers send as `authorization: Bearer …`. */
  readonly token?: SecretText;
};

/** PEM. A certificate of `clientCa` lets its holder in, as the token does. */
export type DoorTls = { readonly certificate: string; readonly key: SecretText; readonly clientCa?: string };

/** The usual door: this machine, read only. */
export const localDoor: AdminDoor = { address: '127.0.0.1' };

/** Shorter ones can be guessed. */
const shortestToken = 16;

/** Why a door may not be opened as it was asked for, in a sentence, and what to do; undefined for one that may. */
export function doorFault({ address, tls, token }: AdminDoor): { readonly reason: string; readonly hint: string } | undefined {
  if (token !== undefined && token.reveal().length < shortestToken) {
    const hint = 'make one: openssl rand -hex 32 > admin-token && chmod 600 admin-token';
    return { reason: `the token has fewer than ${shortestToken} characters`, hint };
  }
  if (isLoopback(address)) return undefined;
  const hint =
    'stay on 127.0.0.1 and come in by a tunnel (ssh -L), or give --admin-tls-certificate, --admin-tls-key and --admin-token-file or --admin-client-ca';
  if (tls === undefined) return { reason: `${address} can be reached from other machines, and there is no TLS`, hint };
  if (token === undefined && tls.clientCa === undefined) return { reason: `${address} can be reached from other machines, and anyone may ask`, hint };
  return undefined;
}

/** What of a request matters here; header values as they came. */
export type Knock = {
  readonly method: string;
  /** Without query. */
  readonly path: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  readonly authorization: string | undefined;
  /** The TLS handshake showed a certificate that chains to the client CA. */
  readonly hasClientCertificate: boolean;
};

export type Refusal = { readonly status: 401 | 403; readonly error: string; readonly hint: string };

/** Say nothing but that something runs: probes ask without a token. */
const openPaths: ReadonlySet<string> = new Set(['/healthz', '/ready']);
const readingMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Why this request gets no answer; undefined: it gets one. Everything that is not a reading method (RFC 9110, 9.2.1: safe) changes something.
 * Sec-Fetch-Site and Origin (Fetch standard) say which page a browser acts for; programs send neither.
 */
export function refusalOf(knock: Knock, door: AdminDoor): Refusal | undefined {
  const isLocal = isLoopback(door.address);
  if (isLocal && !isHostOfThisMachine(knock.host)) {
    return { status: 403, error: 'the Host header names another machine', hint: 'ask by IP address or localhost' };
  }
  const isReading = readingMethods.has(knock.method);
  if (!isReading && isForForeignPage({ ...knock, scheme: door.tls === undefined ? 'http' : 'https' })) {
    return { status: 403, error: 'a page of another origin asks for a change', hint: 'ask from the same origin, or from a program' };
  }
  if (isReading && (isLocal || openPaths.has(knock.path))) return undefined;
  if (isKnown(knock, door)) return undefined;
  if (door.token === undefined && door.tls?.clientCa === undefined) {
    return { status: 403, error: 'no changes can be made here', hint: 'start the control plane with --admin-token-file' };
  }
  const ways = [
    ...(door.token === undefined ? [] : ['authorization: Bearer TOKEN']),
    ...(door.tls?.clientCa === undefined ? [] : ['a client certificate']),
  ];
  return { status: 401, error: 'who asks?', hint: `needed: ${ways.join(' or ')}` };
}

/** A token in a URL is not looked at: URLs end up in logs and histories. */
function isKnown({ authorization, hasClientCertificate }: Knock, { token, tls }: AdminDoor): boolean {
  if (tls?.clientCa !== undefined && hasClientCertificate) return true;
  const given = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  return token !== undefined && given !== undefined && isSame(given, token);
}

/** In a time that does not tell how much of it is right. */
function isSame(given: string, token: SecretText): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token.reveal()));
}
