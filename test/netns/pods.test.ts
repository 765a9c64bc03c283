// Pods in namespaces on this machine, as root and without: what an application that knows nothing of it sees, what is captured and what is not, and that
// nothing is left. Both ways are tried where this user is root.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type WayIntoNamespaces, waysIntoNamespaces } from '#test/support/namespaces.ts';
import { waitUntil } from '#test/support/wait-until.ts';

/** Other tests may run at the same time. */
const patiently = { timeoutMs: 60_000 };
const stage = fileURLToPath(new URL('./pods-stage.ts', import.meta.url));
type Facts = ReadonlyMap<string, unknown>;

/** Starts the stage; facts come as it finds them out. */
function startStage(
  { as, outer, means, user }: WayIntoNamespaces,
  folder: string,
  ...more: readonly string[]
): { child: ChildProcess; facts: Map<string, unknown>; errors: () => string } {
  const args = [...outer, process.execPath, stage, JSON.stringify(means), JSON.stringify(user), folder, ...more];
  const [command = '', ...rest] = [...as, ...args];
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  const facts = new Map<string, unknown>();
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  createInterface({ input: child.stdout }).on('line', (line) => {
    // What our own program prints.
    const { name, fact } = JSON.parse(line) as { readonly name: string; readonly fact: unknown };
    facts.set(name, fact);
  });
  return { child, facts, errors: () => errors };
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-netns-'));
  chmodSync(folder, 0o777);
  return folder;
}

async function factsOf(way: WayIntoNamespaces): Promise<Facts> {
  const folder = makeFolder();
  try {
    const { child, facts, errors } = startStage(way, folder);
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(code, 0, `${errors()}\n${JSON.stringify([...facts], null, 1)}`);
    assert.ok(!facts.has('not ready'), JSON.stringify([facts.get('not ready'), facts.get('logs')]));
    return facts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const ways = waysIntoNamespaces('pods');
const iptables = ['/usr/sbin/iptables-restore', '/sbin/iptables-restore'].find((path) => existsSync(path));
// One way is enough to see that both programs understand the same rules alike.
const withIptables = ways.slice(0, iptables === undefined ? 0 : 1).map((way) => ({
  ...way,
  means: { ...way.means, programs: { ...way.means.programs, rules: { kind: 'iptables-restore' as const, path: iptables ?? '' } } },
}));
if (iptables === undefined) process.stderr.write('\n*** capture by IPTABLES is not tested: no iptables-restore on this machine ***\n');

for (const way of [...ways, ...withIptables]) {
  describe(`pods in namespaces, ${way.name}, by ${way.means.programs.rules.kind}`, () => {
    let facts: Facts;
    before(async () => {
      facts = await factsOf(way);
    });
    const is = (name: string, expected: unknown): void => assert.deepEqual(facts.get(name), expected, name);

    test('an application has a name, files and a user of its own, and the variables of Kubernetes', () => {
      const [uid, hostname, , ...files] = facts.get('who') as readonly string[];
      assert.deepEqual([uid, hostname], [String(way.user.uid), 'one']);
      assert.deepEqual(files, [
        'search default.svc.cluster.local svc.cluster.local cluster.local',
        'nameserver 198.18.0.1',
        'options ndots:5',
        '127.0.0.1 localhost',
        '::1 localhost ip6-localhost ip6-loopback',
        '198.18.0.10 one.web.default.svc.cluster.local one',
      ]);
      is('asked user', '4321');
      const { WEB_SERVICE_HOST, WEB_SERVICE_PORT, PORT, HTTP_PROXY } = JSON.parse(String(facts.get('variables'))) as Record<string, string>;
      assert.deepEqual(
        { WEB_SERVICE_HOST, WEB_SERVICE_PORT, PORT, HTTP_PROXY },
        { WEB_SERVICE_HOST: '198.19.0.5', WEB_SERVICE_PORT: '80', PORT: undefined, HTTP_PROXY: undefined },
      );
    });

    test('what an application opens goes to its proxy, with the destination that it meant; not what the annotations exclude', () => {
      is('to a service', '15001 198.18.0.10 for 198.19.0.5:80');
      is('to a pod', '15001 198.18.0.10 for 198.18.0.11:8080');
      is('to an excluded port', 'plain 9000 to 198.18.0.11');
      // By the node to either endpoint; to itself with the node as caller.
      assert.match(String(facts.get('to an excluded range')), /^(15006 198\.18\.0\.11 for 198\.18\.0\.10:8080|web-two 8080 to 198\.18\.0\.1)$/);
      is('to itself', ['one 8080 to 198.18.0.10', 'one 8080 to 127.0.0.1']);
    });

    test('what comes to a pod goes to its proxy, and its peers see pods; not what the annotations exclude', () => {
      is('from the proxy to a pod', '15006 198.18.0.10 for 198.18.0.11:8080');
      is('from the proxy to its own pod', '15006 198.18.0.10 for 198.18.0.10:8080');
      is('to an excluded port of a pod', 'one 7000 to 198.18.0.12');
    });

    test('UDP goes past the proxy to an endpoint of a Service', () => is('UDP to a service', 'plain heard 198.18.0.10 from 198.19.0.6:8125'));

    test('questions for names go to the name server of the pod', () => is('names', 'name server of the pod from 198.18.0.1:53'));

    test('probes reach the application past its proxy, and the inside address reaches what listens on localhost alone', () => {
      is('probe', 'one 8080 to 198.18.0.1');
      is('inside', 'one 7001 to 198.18.0.2');
    });

    test('a pod without a proxy reaches every endpoint of a Service by its address, itself too, and nothing beyond the mesh', () => {
      is('plain to a service', ['15006 198.18.0.12 for 198.18.0.10:8080', '15006 198.18.0.12 for 198.18.0.11:8080']);
      is('plain to itself by a service', 'plain 9000 to 198.18.0.1');
      is('to the world', 'ENETUNREACH');
    });

    test('endpoints have the addresses of pods and the ports of containers', () => {
      is('slices', [
        { list: ['198.18.0.10'], port: 8080, ready: true, hostname: 'one' },
        { list: ['198.18.0.11'], port: 8080, ready: true },
        { list: ['198.18.0.12'], port: 9000, ready: true },
      ]);
    });

    test('the end of the process that made the namespaces of a pod is not the end of the pod', () =>
      is('without its holder', '15001 198.18.0.10 for 198.18.0.11:8080'));

    test('the end of a pod takes its cable with it', () => is('left behind', []));

    test('kill -9 of the process that made the pods ends all of theirs and leaves nothing', async () => {
      const folder = makeFolder();
      try {
        const { child, facts: found, errors } = startStage(way, folder, 'wait');
        const pids = await waitUntil(
          'the stage is set',
          () => (child.exitCode === null ? (found.get('processes') as readonly number[] | undefined) : []),
          patiently,
        );
        assert.equal(pids.length, 5, errors());
        for (const pid of pids) assert.ok(existsSync(`/proc/${pid}`));
        const namespaces = new Set(pids.map((pid) => networkOf(pid)));
        assert.equal(namespaces.size, 3);
        child.kill('SIGKILL');
        await waitUntil('every process has ended', () => pids.every((pid) => !existsSync(`/proc/${pid}`)), patiently);
        await waitUntil('nobody holds a namespace', () => everybody().every((pid) => !namespaces.has(networkOf(pid))), patiently);
        assert.doesNotMatch(execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }), /: pod\d+@/);
        assert.equal(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }), '');
        assert.doesNotMatch(execFileSync('mount', { encoding: 'utf8' }), /heddle/);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  });
}

/** The network namespace of a process, as the system names it; '' where it is gone or another user's. */
function networkOf(pid: number | string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return '';
  }
}

function everybody(): readonly string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
}
