// x-forwarded-client-cert (Envoy: forward_client_cert_details): what the verified peer of this connection was, for those behind us.
import type { HttpManagerEntry } from '#decide/listener-entry.ts';
import type { DownstreamConnection } from '#proxy/http/stream.ts';

/** The field's new value; '' where there shall be none. `incoming` is what the peer sent. */
export function forwardClientCertificate(incoming: string, connection: DownstreamConnection, entry: HttpManagerEntry): string {
  const { facts } = connection;
  const isMutual = facts.tlsVersion !== '' && facts.peerSubject + facts.peerUriSans.join('') !== '';
  switch (entry.forwardClientCert) {
    case 'always-forward-only':
      return incoming;
    case 'forward-only':
      return isMutual ? incoming : '';
    case 'append-forward':
      if (!isMutual) return '';
      return incoming === '' ? describePeer(connection, entry) : `${incoming},${describePeer(connection, entry)}`;
    case 'sanitize-set':
      return isMutual ? describePeer(connection, entry) : '';
    default:
      return '';
  }
}

function describePeer(connection: DownstreamConnection, entry: HttpManagerEntry): string {
  const { facts } = connection;
  const { subject, cert, uri, dns } = entry.clientCertDetails;
  const parts: string[] = [];
  if (facts.localUriSans.length > 0) parts.push(`By=${facts.localUriSans[0]}`);
  if (connection.peerFingerprint !== undefined) parts.push(`Hash=${connection.peerFingerprint}`);
  if (cert && connection.peerPem !== undefined) parts.push(`Cert="${encodePem(connection.peerPem())}"`);
  if (subject) parts.push(`Subject="${facts.peerSubject.replaceAll('"', '\\"')}"`);
  // The key is there even where there is no name, as in Envoy.
  if (uri) for (const name of facts.peerUriSans.length > 0 ? facts.peerUriSans : ['']) parts.push(`URI=${name}`);
  if (dns) for (const name of connection.peerNames ?? []) if (!name.includes('://')) parts.push(`DNS=${name}`);
  return parts.join(';');
}

/** Envoy escapes what a header cannot hold and what URLs reserve. */
function encodePem(pem: string): string {
  return pem.replaceAll(/[\n +/=]/g, (found) => encodeURIComponent(found));
}
