// What keeps servers for this machine to this machine: addresses that only it reaches, Host headers that no web site can bring about, and requests
// that a browser sends for a page from elsewhere. Every server that has more to say than its caller's own business asks here.
import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Only this machine reaches it. A name other than `localhost` may mean anything. */
export function isLoopback(address: string): boolean {
  if (address === 'localhost') return true;
  const version = isIP(address);
  return version !== 0 && loopback.check(address, version === 4 ? 'ipv4' : 'ipv6');
}

/**
 * Whether a Host header, with or without port, is what a request to loopback says in good faith. A site whose name was pointed at this machine
 * (DNS rebinding) says that name, and its scripts may read the answer. An IP address cannot be rebound; `localhost` and what is below it never
 * leave the machine (RFC 6761, 6.3).
 */
export function isHostOfThisMachine(host: string | undefined): boolean {
  const name = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d+)?$/.exec(host ?? '');
  if (name === null) return false;
  const [, v6, other = ''] = name;
  if (v6 !== undefined) return isIP(v6) === 6;
  return isIP(other) === 4 || /^(?:.+\.)?localhost$/i.test(other);
}

/** Header values as they came; `scheme` is how the server itself is asked. */
export type BrowserSigns = {
  readonly scheme: 'http' | 'https';
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
};

/** Whether a browser sends this for a page of another origin (Fetch standard: Origin, Sec-Fetch-Site). Programs send neither. */
export function isForForeignPage({ scheme, host, origin, fetchSite }: BrowserSigns): boolean {
  if (fetchSite !== undefined && fetchSite !== 'same-origin' && fetchSite !== 'none') return true;
  return origin !== undefined && origin !== `${scheme}://${host}`;
}
