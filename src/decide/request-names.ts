// Clusters whose requests themselves say which server they are for: the host becomes the server name of the connection (auto_sni), and must stand in the
// server's certificate (auto_san_validation). Source: Envoy, UpstreamHttpProtocolOptions; Router::Filter::decodeHeaders.
import { isIP } from 'node:net';
import type { UpstreamHttpProtocolOptions } from '#envoy/gen/envoy/config/core/v3/protocol_pb.js';

export type RequestNames = { readonly sni: boolean; readonly san: boolean };

/** Nothing for the clusters that have one server name for all requests. */
export function requestNamesOf(options: UpstreamHttpProtocolOptions | undefined): { readonly requestNames?: RequestNames } {
  if (options === undefined || !(options.autoSni || options.autoSanValidation)) return {};
  return { requestNames: { sni: options.autoSni, san: options.autoSanValidation } };
}

/** The host of an authority, without port and brackets; '' where there is none, which no certificate is for. */
export function hostOf(authority: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(authority)?.[1];
  return bracketed ?? authority.replace(/:\d*$/, '');
}

/** What of a cluster's TLS a host changes. */
type NamedTls = { readonly sni?: string; readonly requestedName?: string };

/** The cluster's TLS for one host. An address is no server name, but it may stand in a certificate. */
export function tlsForHost<Tls extends NamedTls>(tls: Tls, { sni, san }: RequestNames, host: string): Tls & NamedTls {
  return { ...tls, ...(sni && host !== '' && isIP(host) === 0 && { sni: host }), ...(san && { requestedName: host }) };
}
