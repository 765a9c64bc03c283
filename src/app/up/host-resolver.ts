// The name servers of the host, as /etc/resolv.conf names them at the time of the question: a laptop changes networks while a mesh runs.
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Clock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { type AskUpstream, Upstreams } from '#dns/upstream.ts';
import type { ServerAddress } from '#dns/upstream-answer.ts';

const dnsPort = 53;

/** `readConfiguration`: the text of resolv.conf(5). */
export function hostResolver(clock: Clock, readConfiguration: () => string = readResolvConf): AskUpstream {
  let known: string | undefined;
  let upstreams: Upstreams | undefined;
  return (query, transport) => {
    const text = readConfiguration();
    if (text !== known || upstreams === undefined) {
      upstreams?.close();
      known = text;
      upstreams = new Upstreams({ servers: nameServers(text), clock, logger: silentLogger, randomId: () => randomInt(65_536) });
    }
    return upstreams.ask(query, transport);
  };
}

/** In order; this machine where there are none, as the C library has it. */
export function nameServers(text: string): readonly ServerAddress[] {
  const found = text.split('\n').flatMap((line) => {
    const address = /^\s*nameserver\s+(\S+)/.exec(line)?.[1]?.replace(/%.*$/, '') ?? '';
    return isIP(address) === 0 ? [] : [{ address, port: dnsPort }];
  });
  return found.length > 0 ? found : [{ address: '127.0.0.1', port: dnsPort }];
}

function readResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}
