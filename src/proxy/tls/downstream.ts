// DownstreamTlsContext in, an acceptor out: a raw socket becomes a TLS socket with the certificate its server name asks for, the ALPN both sides
// know, and a client certificate that was verified where the configuration wants one.
import type { Socket } from 'node:net';
import type { SecureContext, SecureContextOptions, Server, TLSSocket } from 'node:tls';
import { failed, ok, type Result } from '#base/result.ts';
import type { DownstreamTls } from '#decide/tls-entry.ts';
import type { ClientHello } from '#proxy/tls/client-hello.ts';
import { contextOptions, readCertificate, readTrustedCa } from '#proxy/tls/context-material.ts';
import { type PeerNames, peerNamesOf } from '#proxy/tls/peer-names.ts';
import { sanMatches } from '#proxy/tls/san-match.ts';
import type { KeyPair, SecretSource } from '#proxy/tls/secrets.ts';
import type { SecureContexts } from '#proxy/tls/secure-contexts.ts';

export type AcceptReceiver = {
  readonly onSecure: (socket: TLSSocket) => void;
  /** The handshake failed or the client's certificate was refused; the socket is gone. */
  readonly onFailed: (detail: string) => void;
};

export type TlsAcceptor = {
  /** Takes over the socket, ClientHello unshifted. Calls one method of the receiver, once. */
  readonly accept: (socket: Socket, hello: ClientHello | undefined, receiver: AcceptReceiver) => void;
  /** URI SANs of our own (first) certificate. */
  readonly localUriSans: readonly string[];
};

type Certificate = { readonly context: SecureContext; readonly options: SecureContextOptions; readonly names: PeerNames };

const handshakeTimeoutMs = 15_000;

/** Errors name the field below common_tls_context. */
export function buildTlsAcceptor(tls: DownstreamTls, secrets: SecretSource, contexts: SecureContexts): Result<TlsAcceptor, string> {
  const ca = readTrustedCa(tls, secrets);
  if (!ca.ok) return ca;
  const certificates: Certificate[] = [];
  for (const [index, source] of tls.certificates.entries()) {
    const pair = readCertificate(source, secrets);
    const certificate = pair.ok ? loadCertificate(tls, pair.value, ca.value, contexts) : pair;
    if (!certificate.ok) return failed(`tls_certificates[${index}]: ${certificate.error}`);
    certificates.push(certificate.value);
  }
  const [first] = certificates;
  if (first === undefined) return failed('tls_certificates is empty');
  return ok(new Acceptor(tls, ca.value !== undefined, certificates, first));
}

class Acceptor implements TlsAcceptor {
  readonly localUriSans: readonly string[];
  readonly #tls: DownstreamTls;
  readonly #verifies: boolean;
  readonly #certificates: readonly Certificate[];
  readonly #first: Certificate;
  readonly #pending = new Map<string, AcceptReceiver>();
  /** Two servers that never listen: a client whose ALPN shares nothing with ours goes on without, as with Envoy; node would end it. */
  readonly #withAlpn: Server | undefined;
  readonly #withoutAlpn: Server;

  constructor(tls: DownstreamTls, verifies: boolean, certificates: readonly Certificate[], first: Certificate) {
    this.#tls = tls;
    this.#verifies = verifies;
    this.#certificates = certificates;
    this.#first = first;
    this.localUriSans = first.names.uris;
    this.#withAlpn = tls.alpn.length === 0 ? undefined : this.#createServer(tls.alpn);
    this.#withoutAlpn = this.#createServer([]);
  }

  accept(socket: Socket, hello: ClientHello | undefined, receiver: AcceptReceiver): void {
    const key = connectionKey(socket);
    this.#pending.set(key, receiver);
    socket.once('close', () => this.#fail(key, 'connection closed during the TLS handshake'));
    const shared = hello?.alpn.some((name) => this.#tls.alpn.includes(name)) ?? false;
    const server = shared && this.#withAlpn !== undefined ? this.#withAlpn : this.#withoutAlpn;
    server.emit('connection', socket);
  }

  #createServer(alpn: readonly string[]): Server {
    const server = process.getBuiltinModule('node:tls').createServer({
      // For a client without SNI.
      ...this.#first.options,
      SNICallback: (name, done) => done(null, this.#choose(name.toLowerCase()).context),
      // The server's order decides, as in BoringSSL's selection with Envoy's callback.
      ...(alpn.length === 0
        ? {}
        : { ALPNCallback: ({ protocols }: { readonly protocols: readonly string[] }) => alpn.find((name) => protocols.includes(name)) }),
      requestCert: this.#tls.requireClientCertificate || this.#verifies,
      // Verified by hand below: a certificate may be optional, and must still be right when it is given.
      rejectUnauthorized: false,
      handshakeTimeout: handshakeTimeoutMs,
    });
    server.on('secureConnection', (socket: TLSSocket) => this.#onSecure(socket));
    server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      socket.destroy();
      this.#fail(connectionKey(socket), error.message);
    });
    return server;
  }

  #choose(serverName: string): Certificate {
    const exact = this.#certificates.find(({ names }) => names.dnsNames.includes(serverName));
    if (exact !== undefined) return exact;
    const wildcard = `*${serverName.slice(serverName.indexOf('.'))}`;
    return this.#certificates.find(({ names }) => names.dnsNames.includes(wildcard)) ?? this.#first;
  }

  #onSecure(socket: TLSSocket): void {
    const key = connectionKey(socket);
    const receiver = this.#pending.get(key);
    this.#pending.delete(key);
    if (receiver === undefined) {
      socket.destroy();
      return;
    }
    const refusal = this.#refuse(socket);
    if (refusal === undefined) {
      receiver.onSecure(socket);
    } else {
      socket.destroy();
      receiver.onFailed(refusal);
    }
  }

  #refuse(socket: TLSSocket): string | undefined {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return this.#tls.requireClientCertificate ? 'the client sent no certificate' : undefined;
    if (!this.#verifies) return undefined;
    if (!socket.authorized) return `the client's certificate was not accepted: ${String(socket.authorizationError)}`;
    const matchers = this.#tls.subjectAltNames;
    if (matchers.length === 0 || sanMatches(peerNamesOf(certificate), matchers)) return undefined;
    return "no name of the client's certificate is allowed";
  }

  #fail(key: string, detail: string): void {
    const receiver = this.#pending.get(key);
    if (receiver === undefined) return;
    this.#pending.delete(key);
    receiver.onFailed(detail);
  }
}

/** A connection's four-tuple: the raw socket and the TLS socket over it have the same. */
function connectionKey(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}

function loadCertificate(tls: DownstreamTls, pair: KeyPair, ca: string | undefined, contexts: SecureContexts): Result<Certificate, string> {
  const options = { ...contextOptions(tls, pair, ca), honorCipherOrder: true };
  const context = contexts.get(options);
  if (!context.ok) return context;
  try {
    const { X509Certificate } = process.getBuiltinModule('node:crypto');
    return ok({ context: context.value, options, names: peerNamesOf(new X509Certificate(pair.chain)) });
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}
