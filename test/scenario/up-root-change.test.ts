// `heddle ca rotate` under load: the root of a running mesh is changed in its three steps, and no request fails in any of them. What a workload shows
// and whom it takes is read off its port by openssl.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { startLoad } from '#test/scenario/load.ts';
import { example, onBothDataPlanes, startUp, type Up } from '#test/scenario/up.ts';
import { startHeddle } from '#test/support/start-process.ts';
import { waitUntil } from '#test/support/wait-until.ts';

type Seen = { readonly issuer: string; readonly roots: readonly string[] };

/** By the names that our roots have: `Heddle root 0a1b2c3d`. */
async function look(port: number): Promise<Seen> {
  const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-alpn', 'istio', '-tls1_2'];
  const text = await new Promise<string>((resolve) => {
    // Without a certificate of its own the handshake fails in the end, after all that is looked at here.
    const child = execFile('openssl', args, (_, stdout, stderr) => resolve(stdout + stderr));
    child.stdin?.end();
  });
  const accepted = /Acceptable client certificate CA names\n([\s\S]*?)\n(?:Requested|Client)/.exec(text)?.[1] ?? '';
  return { issuer: /issuer=.*(Heddle root \w+)/.exec(text)?.[1] ?? '', roots: accepted.match(/Heddle root \w+/g) ?? [] };
}

/** The example, with a connection of its own between the proxies for each request: each one is a handshake. */
function hello(): Readonly<Record<string, string>> {
  const names = ['heddle.yaml', 'hello.yaml', 'routing.yaml', 'server.ts'];
  const files = Object.fromEntries(names.map((name) => [name, readFileSync(`${example('hello')}/${name}`, 'utf8')]));
  const routing = files['routing.yaml'] ?? '';
  const host = '\n  host: hello.default.svc.cluster.local\n';
  assert.ok(routing.includes(host));
  const once = `${host}  trafficPolicy: { connectionPool: { http: { maxRequestsPerConnection: 1 } } }\n`;
  return { ...files, 'routing.yaml': routing.replace(host, once) };
}

/** How many certificates the authority has given. */
async function signed(up: Up): Promise<number> {
  return (await up.log('control-plane')).match(/certificate signed/g)?.length ?? 0;
}

async function rotate(up: Up, ...args: readonly string[]): Promise<void> {
  const run = await startHeddle(['ca', 'rotate', '--ca', `${up.folder.path}/state/ca`, ...args]);
  const { code } = await run.exited;
  assert.equal(code, 0, run.output());
}

onBothDataPlanes(
  'the root of a mesh is changed under load and no request fails',
  async (dataPlane) => {
    await using up = await startUp(dataPlane, { files: hello(), logLevel: 'debug' });
    const { workloads } = await up.state();
    const ports = workloads
      .filter(({ name }) => name.startsWith('hello'))
      .flatMap(({ ports: own }) => Object.values(own).map(({ listen }) => listen));
    assert.ok(ports.length >= 2, JSON.stringify(workloads));
    const all = (what: string, holds: (seen: Seen) => boolean) =>
      waitUntil(what, async () => (await Promise.all(ports.map(look))).every(holds), { timeoutMs: 30_000, everyMs: 200 });
    await all('one root', ({ issuer, roots }) => roots.length === 1 && roots[0] === issuer && issuer !== '');
    const { issuer: old } = await look(ports[0] ?? 0);

    await using load = startLoad({ port: up.gatewayPort, headers: { host: 'hello.example.com' } });
    await load.more(50);
    await rotate(up);
    await all('both roots are trusted, the old one signs', ({ issuer, roots }) => roots.length === 2 && issuer === old);
    await load.more(50);
    const before = await signed(up);
    await rotate(up, '--sign');
    // The gateway too, which shows its certificate to nobody but the sidecars.
    await waitUntil('new certificates for all', async () => (await signed(up)) >= before + workloads.length, { timeoutMs: 30_000, everyMs: 100 });
    await all('the new root signs, both are trusted', ({ issuer, roots }) => roots.length === 2 && issuer !== old);
    await load.more(50);
    await rotate(up, '--finish');
    await all('the old root is gone', ({ issuer, roots }) => roots.length === 1 && roots[0] === issuer && issuer !== old);
    await load.more(50);
    await load.stop();
    assert.deepEqual(load.failures, []);
  },
  { atOnce: true },
);
