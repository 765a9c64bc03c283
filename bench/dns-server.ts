// A name server in a process of its own, for bench/dns.ts: prints its port and answers until it is ended.

import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { benchTable } from '#bench/dns-table.ts';
import { startDns } from '#dns/start-dns.ts';
import { Counters } from '#telemetry/counters.ts';

const dns = await startDns({
  listen: { address: '127.0.0.1', port: 0 },
  namespace: 'shop',
  dnsDomain: 'shop.svc.cluster.local',
  upstreams: [],
  counters: new Counters(),
  clock: systemClock,
  logger: silentLogger,
  random: Math.random,
});
if (!dns.ok) throw new Error(dns.error);
dns.value.setTable(benchTable());
process.stdout.write(`${dns.value.address.port}\n`);
