// One HTTP/1.1 request inside TLS on a connection of its own, by node:tls. What the server shows is verified against roots; its name is for the
// caller to judge. A handshake or connection that fails is an answer of status 0: to the client it is one and the same, in TLS 1.3 even in time.
import { request } from 'node:http';
import { connect } from 'node:tls';
import type { HttpAnswer } from '#test/support/http-call.ts';

export type TlsCall = {
  readonly port: number;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly roots: string;
  /** None is asked for unless given. */
  readonly serverName?: string;
  readonly pair?: { readonly certificate: string; readonly key: string };
  readonly alpn?: readonly string[];
  readonly maxVersion?: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers?: string;
};

/** `subject`: the common name of the server's certificate; undefined where none came. */
export type TlsAnswer = { readonly answer: HttpAnswer; readonly subject: string | undefined };

/** Rejects only where nothing has happened for 10 s, or the server shows a certificate that the roots do not know. */
export function tlsCall(call: TlsCall): Promise<TlsAnswer> {
  const { port, method = 'GET', path = '/', headers = {}, roots, serverName = '', pair, alpn = ['http/1.1'], maxVersion, ciphers } = call;
  return new Promise((resolve, reject) => {
    let subject: string | undefined;
    const socket = connect({
      host: '127.0.0.1',
      port,
      ca: roots,
      servername: serverName,
      checkServerIdentity: () => undefined,
      ALPNProtocols: [...alpn],
      ...(pair !== undefined && { cert: pair.certificate, key: pair.key }),
      ...(maxVersion !== undefined && { maxVersion, minVersion: 'TLSv1' }),
      ...(ciphers !== undefined && { ciphers }),
    });
    socket.once('secureConnect', () => (subject = String(socket.getPeerCertificate().subject?.CN)));
    const signal = AbortSignal.timeout(10_000);
    const outgoing = request({ method, path, headers: { ...headers }, createConnection: () => socket, signal });
    const fail = (error: Error & { readonly code?: string }): void => {
      if (error.name === 'TimeoutError' || certificateErrors.has(error.code ?? '')) reject(error);
      else resolve({ answer: { status: 0, headers: {}, body: '' }, subject });
    };
    outgoing.on('error', fail);
    outgoing.on('response', (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (part: string) => (body += part));
      answer.on('error', fail);
      answer.on('end', () => {
        const joined = Object.entries(answer.headersDistinct).map(([name, values]): [string, string] => [name, (values ?? []).join(', ')]);
        resolve({ answer: { status: answer.statusCode ?? 0, headers: Object.fromEntries(joined), body }, subject });
      });
    });
    outgoing.end();
  });
}

/** The server is a wrong one. */
const certificateErrors = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_HAS_EXPIRED',
]);
