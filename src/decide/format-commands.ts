// The commands that header values may use (Envoy: "custom request/response headers" and command operators), one line each.
// Undefined means "not there": Envoy then adds nothing for this part.
import type { FormatView } from '#decide/format-view.ts';
import type { RequestView } from '#decide/views.ts';

export type FormatCommand = (view: FormatView) => string | undefined;

/** By name; each takes its argument text once and gives the function that prints. Undefined: the argument makes no sense. */
export const formatCommands: Readonly<Record<string, (argument: string) => FormatCommand | undefined>> = {
  REQ: (argument) => requestHeader(argument),
  RESP: (argument) => responseHeader(argument),
  PROTOCOL: () => (view) => view.protocol,
  RESPONSE_CODE: () => (view) => view.responseStatus?.toString(),
  ROUTE_NAME: () => (view) => view.routeName,
  VIRTUAL_CLUSTER_NAME: () => () => undefined,
  UPSTREAM_CLUSTER: () => (view) => view.cluster,
  UPSTREAM_CLUSTER_RAW: () => (view) => view.cluster,
  UPSTREAM_HOST: () => (view) => view.upstreamHost,
  UPSTREAM_REMOTE_ADDRESS: () => (view) => view.upstreamHost,
  REQUESTED_SERVER_NAME: () => (view) => view.connection.serverName,
  DOWNSTREAM_REMOTE_ADDRESS:
    () =>
    ({ connection }) =>
      withPort(connection.remoteAddress ?? connection.sourceAddress, connection.sourcePort),
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT:
    () =>
    ({ connection }) =>
      connection.remoteAddress ?? connection.sourceAddress,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS:
    () =>
    ({ connection }) =>
      withPort(connection.sender?.address ?? connection.sourceAddress, connection.sender?.port ?? connection.sourcePort),
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT:
    () =>
    ({ connection }) =>
      connection.sender?.address ?? connection.sourceAddress,
  DOWNSTREAM_REMOTE_PORT:
    () =>
    ({ connection }) =>
      String(connection.sourcePort),
  DOWNSTREAM_LOCAL_ADDRESS:
    () =>
    ({ connection }) =>
      withPort(connection.destinationAddress, connection.destinationPort),
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT:
    () =>
    ({ connection }) =>
      connection.destinationAddress,
  DOWNSTREAM_LOCAL_PORT:
    () =>
    ({ connection }) =>
      String(connection.destinationPort),
  DOWNSTREAM_PEER_URI_SAN:
    () =>
    ({ connection }) =>
      connection.peerNames?.filter((name) => name.includes('://')).join(','),
};

/** `X?Y`: Y where X is not there. */
function requestHeader(argument: string): FormatCommand | undefined {
  const [first, second] = argument.toLowerCase().split('?');
  if (first === undefined || first === '') return undefined;
  const fallback = second === undefined || second === '' ? undefined : second;
  return ({ request }) => read(request, first) ?? (fallback === undefined ? undefined : read(request, fallback));
}

function read(request: RequestView, name: string): string | undefined {
  switch (name) {
    case ':method':
      return request.method;
    case ':authority':
    case 'host':
      return request.authority;
    case ':path':
      return request.path;
    case ':scheme':
      return request.scheme;
    default:
      return request.header(name);
  }
}

function responseHeader(argument: string): FormatCommand | undefined {
  const [first, second] = argument.toLowerCase().split('?');
  if (first === undefined || first === '') return undefined;
  return ({ responseHeader: read }) => read?.(first) ?? (second === undefined ? undefined : read?.(second));
}

function withPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
