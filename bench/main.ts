// `npm run bench [-- NAME…] [--quick]`: runs the benches named, or all, and prints a table for each.
import { cpus, totalmem } from 'node:os';
import type { Bench } from '#bench/bench.ts';
import { capture } from '#bench/capture.ts';
import { configChange } from '#bench/config-change.ts';
import { csr } from '#bench/csr.ts';
import { dns } from '#bench/dns.ts';
import { generation } from '#bench/generation.ts';
import { manyRoutes } from '#bench/many-routes.ts';
import { memory } from '#bench/memory.ts';
import { mtlsPair } from '#bench/mtls-pair.ts';
import { podNetwork } from '#bench/pod-network.ts';
import { rbacPolicies } from '#bench/rbac-policies.ts';
import { readyTime } from '#bench/ready-time.ts';
import { requestCost } from '#bench/request-cost.ts';
import { formatTable } from '#bench/table.ts';
import { telemetryCost } from '#bench/telemetry-cost.ts';

/** In this order: the shortest answer to "is it fast" first. */
const benches: readonly Bench[] = [
  requestCost,
  telemetryCost,
  manyRoutes,
  mtlsPair,
  rbacPolicies,
  generation,
  csr,
  dns,
  memory,
  readyTime,
  podNetwork,
  configChange,
  capture,
];

// An exit, unlike a signal's default, ends what the benches have started.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

const words = process.argv.slice(2);
const names = words.filter((word) => !word.startsWith('-'));
const unknown = [
  ...names.filter((name) => !benches.some((bench) => bench.name === name)),
  ...words.filter((word) => word.startsWith('-') && word !== '--quick'),
];
if (unknown.length > 0) {
  process.stderr.write(`unknown: ${unknown.join(', ')}. Known: ${benches.map(({ name }) => name).join(', ')}, --quick\n`);
  process.exitCode = 2;
} else {
  process.stdout.write(`${cpus().length} x ${cpus()[0]?.model.trim() ?? 'CPU'}, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.version}\n`);
  for (const bench of benches.filter(({ name }) => names.length === 0 || names.includes(name))) await show(bench);
}

async function show(bench: Bench): Promise<void> {
  process.stdout.write(`\n${bench.name}: ${bench.about}\n`);
  try {
    const table = await bench.run({ quick: words.includes('--quick'), say: (line) => process.stderr.write(`  ${line}\n`) });
    process.stdout.write(`${formatTable(table)}\n`);
  } catch (error) {
    process.stdout.write(`not measured: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
