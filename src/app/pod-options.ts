// What a proxy in a pod's own network is told on its command line besides where its configuration comes from. Loaded where something of it is given.
import { isIP } from 'node:net';
import { failed, ok, type Result } from '#base/result.ts';

export type PodOptionTexts = {
  /** Addresses that its own connections are bound to, at most one of each family, with commas between. */
  readonly bindSource?: string | undefined;
  /** `address:port` where it answers questions for names, and where those go that it cannot answer. */
  readonly dns?: string | undefined;
  readonly dnsUpstream?: string | undefined;
  /** Each `PORT=FD`: an inherited socket that listens elsewhere for what is for this port. */
  readonly hostSockets?: readonly string[] | undefined;
};

export type Place = { readonly address: string; readonly port: number };

/** `socket`: a descriptor of this process, or Node's own object of it. */
export type HostSocketOption = { readonly port: number; readonly socket: number | object };

export type PodOptions = {
  /** What its own connections are bound to, at most one address of each family, so that a redirection of its application's leaves them alone. */
  readonly proxyAddresses: readonly string[];
  /** Where it answers its application's questions for names, and who knows the others. Only with an xDS server, which tells it the names. */
  readonly dns: { readonly listen: Place; readonly upstream: Place | undefined } | undefined;
  /** Sockets that listen in another network, from who started the process, by the port that they stand for. */
  readonly hostSockets: readonly HostSocketOption[];
};

/** The error is one line for each option that cannot be used. */
export function readPodOptions(texts: PodOptionTexts): Result<PodOptions, readonly string[]> {
  const problems: string[] = [];
  const proxyAddresses = texts.bindSource === undefined ? [] : texts.bindSource.split(',').map((address) => address.trim());
  for (const address of proxyAddresses) if (isIP(address) === 0) problems.push(`--bind-source ${address} is no IP address`);
  if (new Set(proxyAddresses.map(isIP)).size < proxyAddresses.length) problems.push('--bind-source takes one address of each family');
  const listen = readPlace('--dns', texts.dns, problems);
  const upstream = readPlace('--dns-upstream', texts.dnsUpstream === 'none' ? undefined : texts.dnsUpstream, problems);
  if (texts.dnsUpstream !== undefined && texts.dns === undefined) problems.push('--dns-upstream goes with --dns');
  const hostSockets = (texts.hostSockets ?? []).flatMap((text) => {
    const [, port, descriptor] = /^(\d{1,5})=(\d{1,4})$/.exec(text) ?? [];
    if (Number(port) >= 1 && Number(port) < 65_536 && Number(descriptor) > 2) return [{ port: Number(port), socket: Number(descriptor) }];
    problems.push(`--host-socket ${text} is not PORT=FD`);
    return [];
  });
  if (problems.length > 0) return failed(problems);
  return ok({ proxyAddresses, dns: listen === undefined ? undefined : { listen, upstream }, hostSockets });
}

function readPlace(option: string, text: string | undefined, problems: string[]): Place | undefined {
  if (text === undefined) return undefined;
  const [, six, four, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = six ?? four ?? '';
  const port = Number(digits);
  if (isIP(address) !== 0 && port < 65_536) return { address, port };
  problems.push(`${option} ${text} is not ADDRESS:PORT`);
  return undefined;
}
