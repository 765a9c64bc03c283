// UpstreamTlsContext in, a connector out: like plain TCP, with a handshake before anybody gets the socket. Sessions are resumed per cluster and endpoint.
import { X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import type { ConnectionOptions, SecureContext, TLSSocket } from 'node:tls';
import { ok, type Result } from '#base/result.ts';
import type { ClusterEntry, UpstreamTls } from '#decide/cluster-entry.ts';
import { contextOptions, readCertificate, readTrust, type Trust } from '#proxy/tls/context-material.ts';
import { checksPeer, refuseName, refusePeer } from '#proxy/tls/peer-check.ts';
import { peerNamesOf } from '#proxy/tls/peer-names.ts';
import type { SecretSource } from '#proxy/tls/secrets.ts';
import type { SecureContexts } from '#proxy/tls/secure-contexts.ts';
import type { Connect } from '#proxy/upstream/connect.ts';
import { sourceOf } from '#proxy/upstream/source-address.ts';
import { setUpstreamNames } from '#proxy/upstream/upstream-names.ts';

/** `sessions` and the names that their servers were verified under are by endpoint. */
type Prepared = {
  readonly context: SecureContext;
  readonly trust: Trust;
  readonly sessions: Map<string, Buffer>;
  readonly names: Map<string, string>;
  /** Our own URI SANs. */
  readonly ours: string;
};

/** What a cluster's TLS came to when the secrets were at `version`. */
type Remembered = { version: number; ready: Result<Prepared, string> };

const maxSessions = 64;
/** More than sessions: one that is kept must have its names. */
const maxNames = 1_024;

export type SecureConnectOptions = {
  /** For clusters that name no ALPN: what their pool will speak (`h2`, `http/1.1`), '' for raw TCP. */
  readonly fallbackAlpn: '' | 'h2' | 'http/1.1';
  /** The connector for plain text makes sockets that nobody else can make. */
  readonly alwaysOverPlain: boolean;
};

/** Plain for clusters without `tls`, else TLS. A context that cannot be built fails each connection with 'tls-failed' and says why. */
export function connectWithTls(
  plain: Connect,
  secrets: SecretSource,
  contexts: SecureContexts,
  { fallbackAlpn, alwaysOverPlain }: SecureConnectOptions,
): Connect {
  const prepared = new WeakMap<UpstreamTls, Remembered>();
  return (cluster, endpoint, receiver) => {
    const { tls } = cluster;
    if (tls === undefined) return plain(cluster, endpoint, receiver);
    let known = prepared.get(tls);
    if (known === undefined || known.version !== secrets.version) {
      known = { version: secrets.version, ready: renew(known?.ready, prepare(tls, secrets, contexts)) };
      prepared.set(tls, known);
    }
    const { ready } = known;
    if (!ready.ok) {
      const { error } = ready;
      const soon = setImmediate(() => receiver.onConnectFailed('tls-failed', error));
      return { cancel: () => clearImmediate(soon) };
    }
    const { value } = ready;
    if (cluster.proxyProtocol === undefined && !alwaysOverPlain) return connectSecure(value, cluster, tls, fallbackAlpn, endpoint, receiver);
    // A PROXY header goes out in the clear; the handshake follows on the same connection.
    let connecting = plain(cluster, endpoint, {
      ...(receiver.announces === undefined ? {} : { announces: receiver.announces }),
      onConnect: (socket) => {
        connecting = connectSecure(value, cluster, tls, fallbackAlpn, endpoint, receiver, socket);
      },
      onConnectFailed: receiver.onConnectFailed.bind(receiver),
    });
    return { cancel: () => connecting.cancel() };
  };
}

type Target = Parameters<Connect>[1];
type Receiver = Parameters<Connect>[2];

/** `over`: a connection that is there already. */
function connectSecure(
  ready: Prepared,
  cluster: ClusterEntry,
  tls: UpstreamTls,
  fallbackAlpn: string,
  endpoint: Target,
  receiver: Receiver,
  over?: Socket,
) {
  const { requestAlpn } = cluster;
  const alpn = requestAlpn !== undefined ? [...requestAlpn] : tls.alpn.length > 0 ? [...tls.alpn] : fallbackAlpn === '' ? [] : [fallbackAlpn];
  const session = ready.sessions.get(endpoint.key);
  // allowHalfOpen reaches the socket underneath, as with net.connect; the types leave it out.
  const options: ConnectionOptions & { readonly allowHalfOpen: boolean } = {
    ...(over === undefined ? { host: endpoint.address, port: endpoint.port, ...sourceOf(cluster, endpoint.address) } : { socket: over }),
    // An IP address is no server name (RFC 6066), and node refuses it.
    ...(tls.sni === '' || isIP(tls.sni) !== 0 ? {} : { servername: tls.sni }),
    secureContext: ready.context,
    ...(alpn.length === 0 ? {} : { ALPNProtocols: alpn }),
    // Envoy verifies against trusted_ca alone, and names only where match_typed_subject_alt_names says so.
    rejectUnauthorized: ready.trust.ca !== undefined && !ready.trust.validation.acceptsUntrusted,
    checkServerIdentity: () => undefined,
    allowHalfOpen: true,
    // A TLS socket of its own can read into the caller's buffer; one over a socket that is there cannot.
    ...(receiver.input === undefined || over !== undefined ? {} : { onread: receiver.input }),
    ...(session === undefined ? {} : { session }),
  };
  const socket = process.getBuiltinModule('node:tls').connect(options);
  socket.setNoDelay(true);
  let settled = false;
  let connected = over !== undefined;
  const settle = (): void => {
    settled = true;
    clearTimeout(timer);
  };
  const fail = (reason: 'connect-timeout' | 'connect-failed' | 'tls-failed', detail: string): void => {
    if (settled) return;
    settle();
    socket.destroy();
    receiver.onConnectFailed(reason, detail);
  };
  const timer = setTimeout(() => fail('connect-timeout', 'connect timeout'), cluster.connectTimeoutMs);
  socket.once('connect', () => {
    connected = true;
  });
  socket.on('error', (error: NodeJS.ErrnoException) => fail(connected ? 'tls-failed' : 'connect-failed', error.code ?? error.message));
  socket.once('close', () => fail(connected ? 'tls-failed' : 'connect-failed', 'connection closed during the TLS handshake'));
  // A session counts from then on as proof of who the server is, so it is kept only when that has been looked at: TLS 1.2 has it earlier.
  let early: Buffer | undefined;
  let isVerified = false;
  socket.on('session', (ticket: Buffer) => {
    if (isVerified) remember(ready.sessions, endpoint.key, ticket);
    else early = ticket;
  });
  socket.once('secureConnect', () => {
    if (settled) return;
    const refusal = refuse(socket, ready.trust, tls.requestedName);
    if (refusal !== undefined) return fail('tls-failed', refusal);
    settle();
    isVerified = true;
    if (early !== undefined) remember(ready.sessions, endpoint.key, early);
    if (cluster.tcpKeepaliveMs > 0) socket.setKeepAlive(true, cluster.tcpKeepaliveMs);
    setUpstreamNames(socket, { theirs: serverNames(socket, ready, endpoint.key), ours: ready.ours });
    receiver.onConnect(socket);
  });
  return {
    cancel: () => {
      settle();
      socket.destroy();
    },
  };
}

function refuse(socket: TLSSocket, { validation }: Trust, requestedName: string | undefined): string | undefined {
  // A resumed session brings no certificate: it is of the server that was verified when the session began, by the same trust (see `renew`).
  if (socket.isSessionReused() || !checksPeer(validation) || (validation.acceptsUntrusted && !socket.authorized)) return undefined;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return 'the server sent no certificate';
  return refusePeer(certificate, validation) ?? (requestedName === undefined ? undefined : refuseName(certificate, requestedName));
}

/** A resumed session brings no certificate: the names are those of when it began. */
function serverNames(socket: TLSSocket, { names }: Prepared, key: string): string {
  if (socket.isSessionReused()) return names.get(key) ?? '';
  const certificate = socket.getPeerX509Certificate();
  const found = certificate === undefined ? '' : peerNamesOf(certificate).uris.join(',');
  if (names.size >= maxNames && !names.has(key)) names.clear();
  names.set(key, found);
  return found;
}

function remember(sessions: Map<string, Buffer>, key: string, ticket: Buffer): void {
  if (sessions.size >= maxSessions && !sessions.has(key)) sessions.clear();
  sessions.set(key, ticket);
}

/** Built when the first connection is made, so that a file which comes later than the configuration still counts. */
function prepare(tls: UpstreamTls, secrets: SecretSource, contexts: SecureContexts): Result<Prepared, string> {
  const trust = readTrust(tls, secrets);
  if (!trust.ok) return trust;
  const pair = tls.certificate === undefined ? ok(undefined) : readCertificate(tls.certificate, secrets);
  if (!pair.ok) return pair;
  const context = contexts.get(contextOptions(tls.parameters, pair.value, trust.value));
  if (!context.ok) return context;
  const ours = pair.value === undefined ? '' : peerNamesOf(new X509Certificate(pair.value.chain)).uris.join(',');
  return ok({ context: context.value, trust: trust.value, sessions: new Map(), names: new Map(), ours });
}

/** What holds after a change of some secret. Sessions of what stayed the same go on; those of another certificate or other roots are forgotten. */
function renew(before: Result<Prepared, string> | undefined, now: Result<Prepared, string>): Result<Prepared, string> {
  if (before?.ok !== true) return now;
  if (!now.ok) return before;
  const isSame = now.value.context === before.value.context && JSON.stringify(now.value.trust) === JSON.stringify(before.value.trust);
  return isSame ? before : now;
}
