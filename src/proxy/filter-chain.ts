// A compiled filter chain in, something that serves connections out: TLS, network filters in order, and at the end HTTP or TCP.
import type { Socket } from 'node:net';
import { failed, ok, type Result } from '#base/result.ts';
import type { ConnectionDenial } from '#decide/connection-decision.ts';
import type { FilterChainEntry, HttpManagerEntry, NetworkFilterEntry } from '#decide/listener-entry.ts';
import type { ConnectionView } from '#decide/views.ts';
import type { DenialLog } from '#proxy/denial-log.ts';
import type { OpenConnection } from '#proxy/downstream-connection.ts';
import { describeCaller } from '#proxy/http/asker.ts';
import type { ServedConnection, ServerCodec } from '#proxy/http/server-codec.ts';
import type { RequestHandler } from '#proxy/http/stream.ts';
import { startsHttp2 } from '#proxy/inspect.ts';
import { peek } from '#proxy/peek.ts';
import { rbacCounter } from '#proxy/rbac-counters.ts';
import type { RouteCell, RouteCells } from '#proxy/route-cells.ts';
import { admit } from '#proxy/tcp/admission.ts';
import { serveTcp, type TcpParts } from '#proxy/tcp/tcp-proxy.ts';
import { buildTlsAcceptor, type TlsAcceptor } from '#proxy/tls/downstream.ts';
import type { SecretSource } from '#proxy/tls/secrets.ts';
import type { SecureContexts } from '#proxy/tls/secure-contexts.ts';
import type { AccessLog } from '#telemetry/access-log.ts';
import { compileAccessLogs, type LogSinks } from '#telemetry/access-log-config.ts';
import type { Counters } from '#telemetry/counters.ts';
import { countRequests } from '#telemetry/request-counters.ts';

/** What chains are made of; wired by whoever starts the proxy. */
export type ChainParts = {
  /** The HTTP connection manager. Fails where a format of local replies or the like cannot be compiled. */
  readonly httpHandler: (manager: HttpManagerEntry, routes: RouteCell, log: AccessLog) => Result<RequestHandler, string>;
  readonly http1Codec: (manager: HttpManagerEntry) => ServerCodec;
  readonly http2Codec: (manager: HttpManagerEntry) => ServerCodec;
  readonly routes: RouteCells;
  readonly tcp: TcpParts;
  readonly secrets: SecretSource;
  readonly contexts: SecureContexts;
  readonly logs: LogSinks;
  readonly counters: Counters;
  /** Undefined: nobody is told of denials. */
  readonly denials?: DenialLog;
};

/** A connection ready to be served: TLS is done, `alpn` is what it negotiated. `onServed` comes once the codec has it. */
export type ReadyConnection = {
  readonly socket: Socket;
  readonly connection: OpenConnection;
  readonly view: ConnectionView;
  readonly alpn: string | undefined;
  readonly onServed: (served: ServedConnection) => void;
};

export type FilterChain = {
  readonly entry: FilterChainEntry;
  readonly tls: TlsAcceptor | undefined;
  readonly serve: (ready: ReadyConnection) => void;
};

export function buildFilterChain(entry: FilterChainEntry, parts: ChainParts): Result<FilterChain, string> {
  let tls: TlsAcceptor | undefined;
  if (entry.tls !== undefined) {
    const acceptor = buildTlsAcceptor(entry.tls, parts.secrets, parts.contexts);
    if (!acceptor.ok) return failed(`transport_socket: ${acceptor.error}`);
    tls = acceptor.value;
  }
  const terminal = buildTerminal(entry.filters.at(-1), parts);
  if (!terminal.ok) return terminal;
  const serve = terminal.value;
  const gates = entry.filters.slice(0, -1);
  if (gates.length === 0) return ok({ entry, tls, serve: (ready) => serve(ready, undefined) });
  const countRbac = rbacCounter(parts.counters, ({ statPrefix }) => ({ scope: statPrefix, rules: '' }));
  const { clusters, wheel, clock } = parts.tcp;
  const admission = { clusters, wheel, nowMs: clock.monotonicMs, countRbac };
  return ok({ entry, tls, serve: (ready) => admit(gates, ready, admission, (denial) => refuseOrServe(ready, denial, serve, parts)) });
}

function refuseOrServe(ready: ReadyConnection, denial: ConnectionDenial | undefined, serve: Terminal, { denials }: ChainParts): void {
  if (denial !== undefined) denials?.note('connection', describeCaller(ready.connection.facts), denial.why);
  serve(ready, denial);
}

type Terminal = (ready: ReadyConnection, denial: ConnectionDenial | undefined) => void;

function buildTerminal(filter: NetworkFilterEntry | undefined, parts: ChainParts): Result<Terminal, string> {
  // A chain without filters closes its connections, as Envoy does.
  if (filter === undefined) return ok(({ socket }) => socket.destroy());
  switch (filter.kind) {
    case 'http':
      return buildHttp(filter.manager, parts);
    case 'tcp-proxy': {
      const log = compileAccessLogs(filter.accessLogs, parts.logs);
      if (!log.ok) return log;
      return ok(({ socket, connection, onServed }, denial) => onServed(serveTcp(socket, connection, filter, log.value, parts.tcp, denial)));
    }
    case 'rbac':
    case 'ext-authz':
      return failed('filters: the last one must end the connection');
  }
}

function buildHttp(manager: HttpManagerEntry, parts: ChainParts): Result<Terminal, string> {
  const log = compileAccessLogs(manager.accessLogs, parts.logs);
  if (!log.ok) return log;
  const prefix = `http.${manager.statPrefix}`;
  const routes = manager.routes.kind === 'inline' ? { current: manager.routes.table } : parts.routes.cell(manager.routes.name);
  const handler = parts.httpHandler(manager, routes, countRequests(parts.counters, prefix, log.value));
  if (!handler.ok) return handler;
  const http1 = parts.http1Codec(manager);
  const http2 = parts.http2Codec(manager);
  return ok(({ socket, connection, alpn, onServed }, denial) => {
    const start = (codec: ServerCodec): void => onServed(codec(socket, connection, handler.value));
    if (denial !== undefined) socket.destroy();
    else if (manager.codec !== 'auto') start(manager.codec === 'http2' ? http2 : http1);
    else if (alpn !== undefined) start(alpn === 'h2' ? http2 : http1);
    else sniff(socket, manager.idleTimeoutMs, (isHttp2) => start(isHttp2 ? http2 : http1));
  });
}

/** Envoy's codec AUTO on plaintext: HTTP/2 with prior knowledge shows by its preface. */
function sniff(socket: Socket, timeoutMs: number, done: (isHttp2: boolean) => void): void {
  let found = false;
  const look = (bytes: Buffer): 'done' | 'more' => {
    const answer = startsHttp2(bytes);
    if (answer === 'more') return 'more';
    found = answer;
    return 'done';
  };
  peek(socket, timeoutMs, look, (how) => {
    if (how === 'seen') done(found);
    else socket.destroy();
  });
}
