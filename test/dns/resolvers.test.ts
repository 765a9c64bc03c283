// The name servers of a running mesh before strangers: in a pod of its own network each resolver that programs bring along finds the same addresses,
// and those that `heddle dns query` says; names that there are not end at once. Resolvers that are not installed are left out, with a word.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { NameReport } from '#admin/client/name-view.ts';
import { inOwnNetwork } from '#test/scenario/own-network.ts';
import type { Up } from '#test/scenario/up.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const run = promisify(execFile);
const launcher = join(import.meta.dirname, '../../bin/heddle.js');
const programs = join(import.meta.dirname, 'resolvers');

const mesh = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: client, namespace: shop }
spec:
  selector: { matchLabels: { app: client } }
  template:
    metadata: { labels: { app: client } }
    spec: { containers: [{ name: app, image: none, command: [sleep, "100000"] }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: client }, ports: [{ name: http, port: 80 }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db, namespace: data }
spec:
  serviceName: db
  replicas: 2
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec: { containers: [{ name: db, image: none, command: [node, -e, "net.createServer().listen(5432)"], ports: [{ containerPort: 5432 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: db, namespace: data }
spec: { clusterIP: None, selector: { app: db }, ports: [{ name: tcp-sql, port: 5432 }] }
---
apiVersion: v1
kind: Service
metadata: { name: outside, namespace: shop }
spec: { type: ExternalName, externalName: web.shop.svc.cluster.local }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: queue, namespace: shop }
spec:
  hosts: [queue.example.com]
  ports: [{ number: 5672, name: tls, protocol: TLS }]
  resolution: DNS
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: wild, namespace: shop }
spec:
  hosts: ["*.wild.example.com"]
  addresses: [192.0.2.8]
  ports: [{ number: 443, name: tls, protocol: TLS }]
  resolution: STATIC
  endpoints: [{ address: 203.0.113.10 }]
`;

const names = [
  'web',
  'web.shop',
  'web.shop.svc.cluster.local',
  'outside',
  'db.data',
  'db-1.db.data',
  'queue.example.com',
  'a.wild.example.com',
  'nobody',
  'nobody.data',
  'nobody.example.net',
];

type Found = Readonly<Record<string, readonly string[] | null>>;

/** A command that prints what it finds for the names behind it, or why it is left out. */
type Resolver = { readonly name: string; readonly command: readonly string[] | string };

async function resolvers(folder: string): Promise<readonly Resolver[]> {
  const node = [process.execPath, join(programs, 'lookup.js')];
  const go = join(folder, 'lookup');
  const [built, compiled] = await Promise.all([
    run('go', ['build', '-o', go, join(programs, 'lookup.go')]).catch((error: Error) => error),
    run('javac', ['-d', folder, join(programs, 'Lookup.java')]).catch((error: Error) => error),
  ]);
  return [
    { name: 'the C library, by Node', command: [...node, 'lookup'] },
    { name: 'c-ares', command: [...node, 'resolve4'] },
    { name: 'the C library, by Python', command: has('python3') ? ['python3', join(programs, 'lookup.py')] : 'python3 is not installed' },
    { name: 'Go', command: built instanceof Error ? built.message : [go] },
    { name: 'Java', command: compiled instanceof Error ? compiled.message : ['java', '-Xshare:auto', '-cp', folder, 'Lookup'] },
  ];
}

function has(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

async function heddle(up: Up, words: readonly string[]): Promise<string> {
  return (await run(process.execPath, [launcher, ...words.slice(0, 1), '--state-dir', `${up.folder.path}/state`, ...words.slice(1)])).stdout;
}

const inPod = (up: Up, ...command: readonly string[]): Promise<string> => heddle(up, ['exec', '-n', 'shop', 'client-0', '--', ...command]);

/** What the mesh itself says, as `heddle dns query` asks it. */
async function expected(up: Up): Promise<Found> {
  const { adminUrl } = await up.state();
  const found = await Promise.all(
    names.map(async (name) => {
      const answer = await fetch(`${adminUrl}/dns?workload=client&namespace=shop&name=${name}`);
      const report = (await answer.json()) as NameReport; // what the admin API says
      const addresses = report.answers.filter(({ type }) => type === 'A').map(({ data }) => data);
      return [name, addresses.length === 0 ? null : addresses.sort()] as const;
    }),
  );
  return Object.fromEntries(found);
}

/** Node, as it asks for all at once, does not keep the order of names; nobody's order of keys counts. */
function sorted(found: Found): Found {
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
}

inOwnNetwork('every resolver finds what the mesh says, and ends at once where there is no such name', async (start) => {
  await using folder = await temporaryFolder({});
  await chmod(folder.path, 0o755);
  await using up = await start({ files: { 'mesh.yaml': mesh } });
  const truth = await expected(up);
  assert.equal(truth['db.data']?.length, 2);
  assert.match(String(truth['queue.example.com']), /^240\.240\./);
  assert.deepEqual(truth['outside'], truth['web']);
  assert.deepEqual([truth['nobody'], truth['nobody.example.net']], [null, null]);
  for (const { name, command } of await resolvers(folder.path)) {
    if (typeof command === 'string') {
      process.stderr.write(`*** ${name} is left out: ${command} ***\n`);
      continue;
    }
    const startedMs = performance.now();
    const found = JSON.parse(await inPod(up, ...command, ...names)) as Found; // what the program prints
    assert.deepEqual(sorted(found), sorted(truth), name);
    // Three names that there are not, over four search domains: each time-out would be 5 s.
    assert.ok(performance.now() - startedMs < 30_000, `${name} waited`);
  }
});

inOwnNetwork(
  'dig is told addresses, ports, names of addresses, and by TCP all of it',
  async (start) => {
    await using up = await start({ files: { 'mesh.yaml': mesh } });
    const dig = async (...words: readonly string[]): Promise<readonly string[]> =>
      (await inPod(up, 'dig', '+short', ...words))
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith(';'))
        .sort();
    const query = promisify(execFile)(process.execPath, [
      launcher,
      'dns',
      'query',
      'db.data',
      'SRV',
      '--from',
      'shop/client',
      '--state-dir',
      `${up.folder.path}/state`,
    ]);
    assert.match((await query).stdout, /SRV {3}0 50 5432 db-0\.db\.data[\s\S]*Service data\/db {2}.*mesh\.yaml:\d+:1/);
    const pods = await dig('db.data.svc.cluster.local');
    assert.equal(pods.length, 2);
    assert.deepEqual(await dig('+tcp', '+noedns', 'db.data.svc.cluster.local'), pods);
    assert.deepEqual(await dig('DB.data.SVC.cluster.local'), pods);
    assert.deepEqual(await dig('_tcp-sql._tcp.db.data.svc.cluster.local', 'SRV'), [
      '0 50 5432 db-0.db.data.svc.cluster.local.',
      '0 50 5432 db-1.db.data.svc.cluster.local.',
    ]);
    assert.deepEqual(await dig('-x', (await dig('db-1.db.data.svc.cluster.local'))[0] ?? ''), ['db-1.db.data.svc.cluster.local.']);
    assert.match(await inPod(up, 'dig', 'www.example.net'), /status: NXDOMAIN[\s\S]*EDE: 18 \(Prohibited\)/);
    assert.match(await inPod(up, 'dig', 'web.shop.svc.cluster.local', 'AAAA'), /status: NOERROR.*\n.*ANSWER: 0/);
    assert.match(await inPod(up, 'dig', 'CH', 'TXT', 'version.bind'), /status: REFUSED/);
  },
  ['embedded'],
);
