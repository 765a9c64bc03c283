// A downstream connection and what x-forwarded-for said, as decisions look at them. Made only where something asks.
import type { CheckedConnection } from '#decide/ext-authz-check.ts';
import type { FormatView } from '#decide/format-view.ts';
import type { RouteEntry } from '#decide/route-entry.ts';
import type { ConnectionView } from '#decide/views.ts';
import { joinedValue } from '#proxy/http/header-list.ts';
import type { RequestContext } from '#proxy/http/request-context.ts';
import type { ResponseHead } from '#proxy/http/stream.ts';

export function connectionView({ stream, notes }: RequestContext): ConnectionView {
  const { connection } = stream;
  return {
    destinationAddress: connection.localAddress,
    destinationPort: connection.localPort,
    sourceAddress: connection.remoteAddress,
    sourcePort: connection.remotePort,
    ...(connection.facts.sender === undefined ? {} : { sender: { address: connection.facts.sender.ip, port: connection.facts.sender.port } }),
    ...(notes.remoteIp === '' ? {} : { remoteAddress: notes.remoteIp }),
    transportProtocol: connection.tls ? 'tls' : 'raw_buffer',
    ...(connection.serverName === undefined ? {} : { serverName: connection.serverName }),
    applicationProtocols: [],
    secure: connection.tls,
    ...(connection.peerNames === undefined ? {} : { peerNames: connection.peerNames }),
    ...(connection.facts.peerSubject === '' ? {} : { peerSubject: connection.facts.peerSubject }),
  };
}

/** The connection as an external authoriser is told of it. */
export function checkedConnection(context: RequestContext): CheckedConnection {
  const { facts, peerPem } = context.stream.connection;
  return { ...connectionView(context), localPrincipal: facts.localUriSans[0] ?? '', peerPem };
}

/** What added headers may name. `response` is undefined while there is none. */
export function formatView(context: RequestContext, route: RouteEntry | undefined, response: ResponseHead | undefined): FormatView {
  const { record, stream } = context;
  return {
    request: context,
    connection: connectionView(context),
    protocol: stream.request.version,
    routeName: route?.name ?? '',
    virtualHost: route?.virtualHost ?? '',
    cluster: record.upstreamCluster === '' ? undefined : record.upstreamCluster,
    upstreamHost: record.upstreamHost === '' ? undefined : record.upstreamHost,
    responseStatus: response?.status,
    responseHeader: response === undefined ? undefined : (name) => joinedValue(response.headers, name),
  };
}
