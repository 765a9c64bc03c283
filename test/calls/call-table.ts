// The calls.yaml beside a golden: who calls what, and what shall become of it. One table, run four ways: decide, explain, the embedded
// proxy and a real Envoy.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { withTokens } from '#test/calls/call-tokens.ts';
import type { GoldenCase } from '#test/support/golden-case.ts';

export type TableCall = {
  readonly name?: string;
  /** `name.namespace` of the calling pod, or of the gateway that is called. */
  readonly from: string;
  readonly request: {
    readonly method: string;
    readonly url: string;
    /** Host header, where it is not the URL's host. */
    readonly authority?: string;
    readonly headers?: Readonly<Record<string, string>>;
    /** How an https URL is called. */
    readonly tls?: TableTls;
  };
  readonly expect: Expectation;
};

export type TableTls = {
  /** The name that is asked for; the URL's host unless given, none where empty. */
  readonly serverName?: string;
  /** The certificate of the case that the client shows; none unless given. */
  readonly certificate?: string;
  /** `http/1.1` unless given. */
  readonly alpn?: readonly string[];
  /** As node:tls has them: `TLSv1.2`. */
  readonly maxVersion?: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers?: string;
};

/** What is not named is not asked. With several `subset`s each must come up, and no other. */
export type Expectation = {
  readonly listener?: string;
  readonly filterChain?: string;
  readonly routeConfig?: string;
  readonly virtualHost?: string;
  readonly route?: string;
  readonly cluster?: string;
  readonly subset?: string | readonly string[];
  /** 200 where the call reaches an endpoint, unless said otherwise; 0 where the connection is closed without an answer. */
  readonly status?: number;
  /** The subject of the certificate that the server shows. */
  readonly certificate?: string;
  /** The server would serve the call, but for what the client shows in its TLS handshake. */
  readonly handshake?: 'refused';
  /** Where a redirect leads. */
  readonly location?: string;
  /** Path and host as the backend sees them. */
  readonly path?: string;
  readonly authority?: string;
  /** Headers as the backend sees them; null: it sees none of that name. Only the live proxies can tell. */
  readonly sees?: Readonly<Record<string, string | null>>;
  /** Of a response of the proxy itself, likewise. */
  readonly challenge?: string;
};

const callKeys = ['name', 'from', 'request', 'expect'];
const requestKeys = ['method', 'url', 'authority', 'headers', 'tls'];
const tlsKeys = ['serverName', 'certificate', 'alpn', 'maxVersion', 'ciphers'];
const expectKeys = [
  'sees',
  'challenge',
  'listener',
  'filterChain',
  'routeConfig',
  'virtualHost',
  'route',
  'cluster',
  'subset',
  'status',
  'certificate',
  'handshake',
  'location',
  'path',
  'authority',
];

/** The table of a case, empty where it has none. A key that is not known would never be checked, and so fails. */
export function callsOf({ folder }: GoldenCase): readonly TableCall[] {
  const file = join(folder, 'calls.yaml');
  if (!existsSync(file)) return [];
  const text = withTokens(folder, readFileSync(file, 'utf8'));
  const calls = parse(text) as readonly TableCall[]; // written by us, and checked for unknown keys below
  for (const call of calls) {
    const unknown = [
      ...Object.keys(call).filter((key) => !callKeys.includes(key)),
      ...Object.keys(call.request).filter((key) => !requestKeys.includes(key)),
      ...Object.keys(call.request.tls ?? {}).filter((key) => !tlsKeys.includes(key)),
      ...Object.keys(call.expect).filter((key) => !expectKeys.includes(key)),
    ];
    if (unknown.length > 0) throw new Error(`${file}: ${titleOf(call)}: unknown keys ${unknown.join(', ')}`);
  }
  return calls;
}

export function titleOf({ name, from, request }: TableCall): string {
  return `${name === undefined ? '' : `${name}: `}${from}: ${request.method} ${request.url}`;
}
