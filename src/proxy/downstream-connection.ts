// A socket that was accepted in, what everybody downstream of the listener may know of it out. Strings are made once per connection.
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Destination } from '#proxy/capture/destination.ts';
import type { DownstreamConnection } from '#proxy/http/stream.ts';
import type { AnnouncedEnds } from '#proxy/proxy-header.ts';
import { otherNamesOf } from '#proxy/tls/other-names.ts';
import { peerNamesOf } from '#proxy/tls/peer-names.ts';
import type { ConnectionFacts } from '#telemetry/access-record.ts';

/** The connection whose `draining` the listener may set. */
export type OpenConnection = { -readonly [Field in keyof DownstreamConnection]: DownstreamConnection[Field] };

/** Addresses of an IPv4 client on an IPv6 socket are printed as IPv4, as Envoy prints them on an IPv4 listener. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** A Unix socket, `/path` or `@name`, where others have an IP address. */
export function isSocketAddress(address: string): boolean {
  return address.startsWith('/') || address.startsWith('@');
}

/** `ip:port`, `[ip]:port` for IPv6; of a Unix socket its path. */
export function formatAddress(ip: string, port: number): string {
  if (isSocketAddress(ip)) return ip;
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/**
 * `serverName`: SNI as the TLS inspector or the handshake saw it. `announced`: what a PROXY header said of its ends, or the Unix socket that it came by,
 * which as with Envoy stands for both, without an IP address. `destination` is in place of the socket's own address.
 */
export function describeConnection(
  socket: Socket,
  id: number,
  serverName: string,
  announced?: AnnouncedEnds | string,
  destination?: Destination,
): OpenConnection {
  const path = typeof announced === 'string' ? announced : undefined;
  const { remoteAddress, remotePort, localAddress, localPort } = typeof announced === 'object' ? announced : endsOf(socket, destination);
  const facts: ConnectionFacts = {
    id,
    localAddress: path ?? formatAddress(localAddress, localPort),
    localIp: localAddress,
    localPort,
    directRemoteAddress: path ?? formatAddress(remoteAddress, remotePort),
    directRemoteIp: remoteAddress,
    directRemotePort: remotePort,
    serverName,
    tlsVersion: '',
    tlsCipher: '',
    peerUriSans: noNames,
    localUriSans: noNames,
    peerSubject: '',
    peerOtherNames: '',
    ...(typeof announced === 'object' && { sender: senderOf(socket) }),
    ...(destination?.restored === true && { restored: true }),
  };
  const connection = { facts, remoteAddress, remotePort, localAddress, localPort, tls: false, draining: false };
  return serverName === '' ? connection : { ...connection, serverName };
}

function endsOf(socket: Socket, destination?: Destination): AnnouncedEnds {
  return {
    remoteAddress: plainAddress(socket.remoteAddress),
    remotePort: socket.remotePort ?? 0,
    localAddress: destination?.address ?? plainAddress(socket.localAddress),
    localPort: destination?.port ?? socket.localPort ?? 0,
  };
}

function senderOf(socket: Socket): NonNullable<ConnectionFacts['sender']> {
  const { remoteAddress: ip, remotePort: port } = endsOf(socket);
  return { address: formatAddress(ip, port), ip, port };
}

/** The same connection once its handshake is done. Peer names are there only when the certificate was `verified`. */
export function describeSecureConnection(
  connection: OpenConnection,
  socket: TLSSocket,
  localUriSans: readonly string[],
  verified: boolean,
): OpenConnection {
  const peer = verified ? socket.getPeerX509Certificate() : undefined;
  const peerNames = peer === undefined ? undefined : peerNamesOf(peer);
  const facts: ConnectionFacts = {
    ...connection.facts,
    tlsVersion: socket.getProtocol() ?? '',
    tlsCipher: socket.getCipher().standardName,
    peerUriSans: peerNames?.uris ?? noNames,
    localUriSans,
    peerSubject: peer === undefined ? '' : subjectOf(peer),
    peerOtherNames: peer === undefined ? '' : otherNamesOf(peer).join(','),
  };
  const secure: OpenConnection = { ...connection, facts, tls: true };
  if (peer === undefined) return secure;
  if (peerNames !== undefined) secure.peerNames = [...peerNames.uris, ...peerNames.dnsNames];
  secure.peerFingerprint = peer.fingerprint256.replaceAll(':', '').toLowerCase();
  secure.peerPem = () => peer.toString();
  return secure;
}

/** As RFC 2253 prints it, the most specific part first. */
function subjectOf(peer: X509Certificate): string {
  // Undefined at run time where a certificate has none, as those of workloads.
  const subject: string | undefined = peer.subject;
  return (subject ?? '').split('\n').reverse().join(',');
}

const noNames: readonly string[] = [];
