// DownstreamTlsContext in, an acceptor out: a raw socket becomes a TLS socket with the certificate its server name asks for, the ALPN both sides
// know, and a client certificate that was verified where the configuration wants one. A secret that changes holds from the next handshake on.
import type { Socket } from 'node:net';
import type { SecureContextOptions, Server, TLSSocket } from 'node:tls';
import { failed, ok, type Result } from '#base/result.ts';
import type { DownstreamTls } from '#decide/tls-entry.ts';
import type { ClientHello } from '#proxy/tls/client-hello.ts';
import { contextOptions, readCertificate, readTrust, type Trust } from '#proxy/tls/context-material.ts';
import { checksPeer, refusePeer } from '#proxy/tls/peer-check.ts';
import { type PeerNames, peerNamesOf } from '#proxy/tls/peer-names.ts';
import type { KeyPair, SecretSource } from '#proxy/tls/secrets.ts';
import type { SecureContexts } from '#proxy/tls/secure-contexts.ts';

export type AcceptReceiver = {
  /** `localUriSans`: the URI SANs of the (first) certificate we have. `verified`: the client's certificate is what the configuration wants. */
  readonly onSecure: (socket: TLSSocket, localUriSans: readonly string[], verified: boolean) => void;
  /** The handshake failed or the client's certificate was refused; the socket is gone. */
  readonly onFailed: (detail: string) => void;
};

export type TlsAcceptor = {
  /** Takes over the socket, ClientHello unshifted. Calls one method of the receiver, once. */
  readonly accept: (socket: Socket, hello: ClientHello | undefined, receiver: AcceptReceiver) => void;
};

/** `keyType`: `ec` or `rsa`. A server may have one of each for the same names: the client's handshake tells which it can take. */
type Certificate = {
  readonly options: SecureContextOptions;
  readonly names: PeerNames;
  readonly keyType: string;
  /** What clients that ask for it are told of its revocation; undefined: nothing. */
  readonly staple: { readonly certificate: Buffer; readonly response: Uint8Array } | undefined;
};

/** Says `onFailed` of a client that went away. */
export const closedInHandshake = 'connection closed during the TLS handshake';

const handshakeTimeoutMs = 15_000;

/**
 * Errors name the field below common_tls_context. A secret that is not there yet is none: connections fail until it comes. One that is there and
 * cannot be used is an error.
 */
export function buildTlsAcceptor(tls: DownstreamTls, secrets: SecretSource, contexts: SecureContexts): Result<TlsAcceptor, string> {
  if (tls.certificates.length === 0) return failed('tls_certificates is empty');
  const acceptor = new Acceptor(tls, secrets, contexts);
  const error = acceptor.error;
  return error === undefined || acceptor.waits ? ok(acceptor) : failed(error);
}

class Acceptor implements TlsAcceptor {
  readonly #tls: DownstreamTls;
  readonly #secrets: SecretSource;
  readonly #contexts: SecureContexts;
  #version: number;
  /** The newest that could be made; stays when a secret makes no sense. */
  #terms: Result<Terms, string>;

  constructor(tls: DownstreamTls, secrets: SecretSource, contexts: SecureContexts) {
    this.#tls = tls;
    this.#secrets = secrets;
    this.#contexts = contexts;
    this.#version = secrets.version;
    this.#terms = makeTerms(tls, secrets, contexts);
  }

  get error(): string | undefined {
    return this.#terms.ok ? undefined : this.#terms.error;
  }

  /** True while a secret is not there. */
  get waits(): boolean {
    const { certificates, validationSecret } = this.#tls;
    if (validationSecret !== undefined && this.#secrets.validation(validationSecret) === undefined) return true;
    return certificates.some((source) => source.kind === 'secret' && this.#secrets.keyPair(source.secret) === undefined);
  }

  accept(socket: Socket, hello: ClientHello | undefined, receiver: AcceptReceiver): void {
    this.#renew();
    const terms = this.#terms;
    if (terms.ok) {
      terms.value.accept(socket, hello, receiver);
    } else {
      socket.destroy();
      receiver.onFailed(terms.error);
    }
  }

  #renew(): void {
    if (this.#version === this.#secrets.version) return;
    this.#version = this.#secrets.version;
    const before = this.#terms;
    const now = makeTerms(this.#tls, this.#secrets, this.#contexts);
    if (before.ok && (!now.ok || before.value.isSameAs(now.value))) return;
    this.#terms = now;
  }
}

function makeTerms(tls: DownstreamTls, secrets: SecretSource, contexts: SecureContexts): Result<Terms, string> {
  const trust = readTrust(tls, secrets);
  if (!trust.ok) return trust;
  const certificates: Certificate[] = [];
  for (const [index, source] of tls.certificates.entries()) {
    const pair = readCertificate(source, secrets);
    const certificate = pair.ok ? loadCertificate(tls, pair.value, trust.value, contexts) : pair;
    if (!certificate.ok) return failed(`tls_certificates[${index}]: ${certificate.error}`);
    certificates.push(certificate.value);
  }
  return ok(new Terms(tls, trust.value, certificates));
}

/** What holds for handshakes while no secret changes. */
class Terms {
  readonly #tls: DownstreamTls;
  readonly #trust: Trust;
  readonly #checks: boolean;
  readonly #certificates: readonly Certificate[];
  readonly #localUriSans: readonly string[];
  readonly #pending = new Map<string, AcceptReceiver>();
  /**
   * Servers that never listen, by certificate and by whether ALPN is spoken: a client whose ALPN shares nothing with ours goes on without, as with
   * Envoy; node would end it.
   */
  readonly #servers = new Map<string, Server>();

  constructor(tls: DownstreamTls, trust: Trust, certificates: readonly Certificate[]) {
    this.#tls = tls;
    this.#trust = trust;
    this.#checks = checksPeer(trust.validation);
    this.#certificates = certificates;
    this.#localUriSans = certificates[0]?.names.uris ?? [];
  }

  isSameAs(other: Terms): boolean {
    return sameText(this.#certificates, other.#certificates) && sameText(this.#trust, other.#trust);
  }

  accept(socket: Socket, hello: ClientHello | undefined, receiver: AcceptReceiver): void {
    const key = connectionKey(socket);
    this.#pending.set(key, receiver);
    socket.once('close', () => this.#fail(key, closedInHandshake));
    const shares = hello?.alpn.some((name) => this.#tls.alpn.includes(name)) ?? false;
    this.#serverFor(this.#choose(hello?.serverName), shares).emit('connection', socket);
  }

  #serverFor(chosen: readonly Certificate[], withAlpn: boolean): Server {
    const key = `${chosen.map((one) => this.#certificates.indexOf(one)).join()} ${withAlpn}`;
    const known = this.#servers.get(key);
    if (known !== undefined) return known;
    const server = this.#createServer(joined(chosen), withAlpn);
    const staples = chosen.flatMap(({ staple }) => staple ?? []);
    if (staples.length > 0) answerStatusRequests(server, staples);
    this.#servers.set(key, server);
    return server;
  }

  #createServer(options: SecureContextOptions, withAlpn: boolean): Server {
    const server = process.getBuiltinModule('node:tls').createServer({
      ...options,
      // The server's order decides, as in BoringSSL's selection with Envoy's callback.
      ...(withAlpn ? { ALPNProtocols: [...this.#tls.alpn] } : {}),
      requestCert: this.#tls.requireClientCertificate || this.#checks,
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

  /** The certificates for a server name, one of each key type: those that have it, those whose wildcard covers it, else the first. */
  #choose(serverName: string | undefined): readonly Certificate[] {
    const all = this.#certificates;
    if (all.length === 1) return all;
    const withName = (name: string): readonly Certificate[] => all.filter(({ names }) => names.dnsNames.includes(name));
    const exact = serverName === undefined ? [] : withName(serverName);
    const covering = serverName === undefined || exact.length > 0 ? exact : withName(`*${serverName.slice(serverName.indexOf('.'))}`);
    return firstOfEachKeyType(covering.length > 0 ? covering : all);
  }

  #onSecure(socket: TLSSocket): void {
    const key = connectionKey(socket);
    const receiver = this.#pending.get(key);
    this.#pending.delete(key);
    if (receiver === undefined) {
      socket.destroy();
      return;
    }
    const verdict = this.#judge(socket);
    if (verdict.ok) {
      receiver.onSecure(socket, this.#localUriSans, verdict.value);
    } else {
      socket.destroy();
      receiver.onFailed(verdict.error);
    }
  }

  /** Whether the client has shown a certificate that is right; the error says why it may not go on. */
  #judge(socket: TLSSocket): Result<boolean, string> {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return this.#tls.requireClientCertificate ? failed('the client sent no certificate') : ok(false);
    if (!this.#checks) return ok(false);
    const { validation, ca } = this.#trust;
    const isTrusted = ca === undefined || socket.authorized;
    if (!isTrusted && !validation.acceptsUntrusted) {
      return failed(`the client's certificate was not accepted: ${String(socket.authorizationError)}`);
    }
    const refusal = isTrusted ? refusePeer(certificate, validation) : undefined;
    return refusal === undefined ? ok(isTrusted) : failed(`client: ${refusal}`);
  }

  #fail(key: string, detail: string): void {
    const receiver = this.#pending.get(key);
    if (receiver === undefined) return;
    this.#pending.delete(key);
    receiver.onFailed(detail);
  }
}

/** RFC 6066, 8: the response for the certificate that is shown, or none. */
function answerStatusRequests(server: Server, staples: readonly NonNullable<Certificate['staple']>[]): void {
  server.on('OCSPRequest', (shown: Buffer, _issuer: Buffer, answer: (error: Error | null, response: Buffer | null) => void) => {
    const response = staples.find(({ certificate }) => certificate.equals(shown))?.response;
    answer(null, response === undefined ? null : Buffer.from(response));
  });
}

function firstOfEachKeyType(certificates: readonly Certificate[]): readonly Certificate[] {
  return certificates.filter((one, index) => certificates.findIndex(({ keyType }) => keyType === one.keyType) === index);
}

/** All but certificate and key is the same for all. */
function joined(certificates: readonly Certificate[]): SecureContextOptions {
  const [first] = certificates;
  if (first === undefined || certificates.length === 1) return first?.options ?? {};
  return { ...first.options, cert: pems(certificates.map(({ options }) => options.cert)), key: pems(certificates.map(({ options }) => options.key)) };
}

/** What loadCertificate puts there is text. */
function pems(values: readonly unknown[]): string[] {
  return values.filter((value) => typeof value === 'string');
}

/** A connection's four-tuple: the raw socket and the TLS socket over it have the same. */
function connectionKey(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}

function sameText(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function loadCertificate(tls: DownstreamTls, pair: KeyPair, trust: Trust, contexts: SecureContexts): Result<Certificate, string> {
  const { X509Certificate, constants } = process.getBuiltinModule('node:crypto');
  const options: SecureContextOptions = {
    ...contextOptions(tls.parameters, pair, trust),
    honorCipherOrder: true,
    // Nobody may begin a handshake within a connection, which costs the client little and us much; Envoy's library never lets it.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | (tls.tickets ? 0 : constants.SSL_OP_NO_TICKET),
  };
  const context = contexts.check(options);
  if (!context.ok) return context;
  try {
    const certificate = new X509Certificate(pair.chain);
    const staple = pair.ocspStaple === undefined ? undefined : { certificate: certificate.raw, response: pair.ocspStaple };
    return ok({ options, names: peerNamesOf(certificate), keyType: certificate.publicKey.asymmetricKeyType ?? '', staple });
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}
