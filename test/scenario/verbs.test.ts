// What users of a cluster type, at a mesh that runs: resources shown, described, applied, taken back; pods entered, scaled, started anew.
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { example, startUp, type Up } from '#test/scenario/up.ts';
import { httpCall } from '#test/support/http-call.ts';
import { startHeddle, startProcess } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

type Outcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

async function heddle(up: Up, ...args: readonly string[]): Promise<Outcome> {
  const [verb = '', ...rest] = args;
  const words =
    verb === 'rollout'
      ? [verb, rest[0] ?? '', '--state-dir', `${up.folder.path}/state`, ...rest.slice(1)]
      : [verb, '--state-dir', `${up.folder.path}/state`, ...rest];
  const run = await startHeddle(words, { cwd: up.folder.path });
  const { code } = await run.exited;
  return { code, stdout: run.stdout(), stderr: run.stderr() };
}

async function answersBy(up: Up, count: number): Promise<ReadonlySet<string>> {
  const answers = await Promise.all(Array.from({ length: count }, () => up.call('hello.example.com')));
  for (const { status, body } of answers) assert.equal(status, 200, body);
  return new Set(answers.map(({ headers }) => String(headers['x-version'])));
}

const allToV2 = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: hello, namespace: istio-system }
spec:
  hosts: [hello.example.com]
  gateways: [hello-gateway]
  http: [{ route: [{ destination: { host: hello.default.svc.cluster.local, subset: v2 } }] }]
`;

void describe('verbs at a running mesh', { concurrency: 1 }, () => {
  let up: Up;
  before(async () => {
    up = await startUp('embedded', { path: example('hello') });
  });
  after(async () => up[Symbol.asyncDispose]());

  void test('get shows what runs and what is written, in the forms that scripts read', async () => {
    const pods = await heddle(up, 'get', 'pods');
    assert.equal(pods.code, 0, pods.stderr);
    assert.match(pods.stdout, /^NAME +READY +STATUS +RESTARTS +AGE\nhello-v1 +2\/2 +Running +0 +\d+s\nhello-v2 +2\/2 +Running/);
    const all = await heddle(up, 'get', 'po,svc', '-A', '-o', 'name');
    assert.match(all.stdout, /^pod\/hello-v1$/m);
    assert.match(all.stdout, /^service\/istio-ingressgateway$/m);
    const json = await heddle(up, 'get', 'vs', 'hello', '-n', 'istio-system', '-o', 'json');
    const route = JSON.parse(json.stdout) as { readonly kind: string; readonly metadata: { readonly annotations: Readonly<Record<string, string>> } };
    assert.equal(route.kind, 'VirtualService');
    assert.match(route.metadata.annotations['heddle.dev/origin'] ?? '', /routing\.yaml:\d+:1$/);
    const path = await heddle(up, 'get', 'pod', '-l', 'version=v2', '-o', 'jsonpath={.items[0].metadata.name}');
    assert.equal(path.stdout, 'hello-v2');
    assert.match((await heddle(up, 'get', 'endpoints', 'hello')).stdout, /^hello +127\.0\.0\.1:\d+,127\.0\.0\.1:\d+$/m);
  });

  void test('load goes through the gateway, by the route to a Service, and from a pod through its sidecar', async () => {
    type Report = { readonly target: string; readonly statuses: Readonly<Record<string, number>>; readonly errors: number };
    for (const [words, target] of [
      [['/'], /^http:\/\/127\.0\.0\.1:\d+\/ as hello\.example\.com$/],
      [['hello'], /^http:\/\/127\.0\.0\.1:\d+\/ as hello\.example\.com$/],
      [['hello', '--from', 'hello-v1'], /^hello\.default:80\/ from hello-v1$/],
    ] as const) {
      const { code, stdout, stderr } = await heddle(up, 'load', ...words, '--rate', '100', '--duration', '300ms', '-o', 'json');
      assert.equal(code, 0, `${words.join(' ')}: ${stdout}${stderr}`);
      const report = JSON.parse(stdout) as Report; // what load.ts prints
      assert.match(report.target, target);
      assert.deepEqual([report.statuses, report.errors], [{ 200: 30 }, 0], words.join(' '));
    }
    const missed = await heddle(up, 'load', '/', '-H', 'host: other.example', '--duration', '100ms', '--max-error-rate', '1%');
    assert.equal(missed.code, 1, missed.stderr);
    assert.match(missed.stdout, /^answers {3}404: 10\n.*^missed: 100 % of errors; --max-error-rate is 1 %$/ms);
    const lost = await heddle(up, 'load', 'helo');
    assert.deepEqual([lost.code, lost.stderr.split('\n')[0]], [1, 'heddle: there is no Service helo in namespace default']);
  });

  void test('get names the nearest kind, name and namespace where there is none of that name', async () => {
    for (const [args, code, said] of [
      [['get', 'podz'], 2, /there is no kind podz\n {2}did you mean pod\?/],
      [['get', 'pod', 'helo-v1'], 1, /there is no Pod helo-v1 in namespace default\n {2}did you mean hello-v1\?/],
      [['get', 'vs', 'hello'], 1, /there is no VirtualService hello in namespace default\n {2}did you mean -n istio-system\?/],
      [['get', 'pods', '-l', 'app ~ x'], 2, /a part that cannot be read: app ~ x/],
      [['describe', 'hello-v1'], 2, /name one resource/],
      [['exec', 'hello-v1', '-c', 'mian', '--', 'true'], 1, /hello-v1 has no container mian/],
      [['port-forward', 'svc/hello', ':99'], 1, /Service hello has no port 99; it has: 80 \(http\)/],
    ] as const) {
      const { code: found, stderr } = await heddle(up, ...args);
      assert.match(stderr, said, args.join(' '));
      assert.equal(found, code, args.join(' '));
    }
    assert.match((await heddle(up, 'get', 'pods', '-n', 'empty')).stderr, /No resources found in empty namespace/);
  });

  void test('get -w tells what changes', async () => {
    await using watch = await startHeddle(['get', 'pods', '-w', '--state-dir', `${up.folder.path}/state`]);
    await watch.waitForLine(/^hello-v2 +2\/2 +Running/);
    assert.equal((await heddle(up, 'delete', 'pod', 'hello-v1')).code, 0);
    await watch.waitForLine(/^hello-v1 +[01]\/2 +(PodInitializing|Terminating|Running)/);
    await waitUntil('the pod is there again', async () => /^hello-v1 +2\/2 +Running/m.test((await heddle(up, 'get', 'pods')).stdout));
  });

  void test('describe has state, ports, identity, findings and events of a pod', async () => {
    const { stdout, code } = await heddle(up, 'describe', 'pod', 'hello-v1');
    assert.equal(code, 0);
    for (const line of [
      /Status: +Running/,
      /Identity: +spiffe:\/\/cluster\.local\/ns\/default\/sa\//,
      /^ +8080 +permissive +\d+ +\d+ +hello:80$/m,
      /Configuration: +synced/,
      /Normal +Ready/,
    ]) {
      assert.match(stdout, line);
    }
    assert.match(
      (await heddle(up, 'describe', 'svc/hello')).stdout,
      /Endpoints:\n +PORT +POD +ADDRESS +READY\n +80 \(http\) +hello-v1 +127\.0\.0\.1:\d+ +yes/,
    );
  });

  void test('apply lies over a file until delete, and what would not be right is refused as a whole', async () => {
    await using sent = await temporaryFolder({
      'all.yaml': allToV2,
      'subset.yaml': allToV2.replace('subset: v2', 'subset: v9'),
      'field.yaml': `${allToV2.replace('hosts:', 'hostz:')}\n---\n${allToV2.replace('name: hello,', 'name: other,')}`,
    });
    const applied = await heddle(up, 'apply', '-f', `${sent.path}/all.yaml`);
    assert.match(
      applied.stdout,
      /^virtualservice\/hello configured in istio-system \(in place of .*routing\.yaml:\d+:1, until it is deleted here\)$/m,
    );
    await waitUntil('every answer is by v2', async () => [...(await answersBy(up, 10))].join() === 'v2');
    assert.match((await heddle(up, 'apply', '-f', `${sent.path}/all.yaml`)).stdout, /unchanged/);
    const subset = await heddle(up, 'apply', '-f', `${sent.path}/subset.yaml`);
    assert.equal(subset.code, 1);
    assert.match(subset.stderr, /subset\.yaml:8:\d+: error \[IST0101\]/);
    const field = await heddle(up, 'apply', '-f', `${sent.path}/field.yaml`);
    assert.match(field.stderr, /field\.yaml:6:3: error .*unknown field hostz[\s\S]*nothing was changed/);
    assert.equal((await heddle(up, 'get', 'vs', 'other', '-n', 'istio-system')).code, 1, 'the good half of a bad file is not taken');
    const taken = await heddle(up, 'delete', 'vs', 'hello', '-n', 'istio-system');
    assert.match(taken.stdout, /virtualservice\/hello deleted in istio-system \(.*routing\.yaml:\d+:1 is in force again\)/);
    await waitUntil('v1 answers again', async () => (await answersBy(up, 20)).has('v1'));
    const again = await heddle(up, 'delete', 'vs', 'hello', '-n', 'istio-system');
    assert.match(again.stderr, /stands in .*routing\.yaml:\d+:1\n {2}take it out of that file/);
    assert.equal(again.code, 1);
  });

  void test('what was applied is in force in the next mesh of the folder, which says so', async () => {
    await using sent = await temporaryFolder({ 'all.yaml': allToV2 });
    await using up = await startUp('embedded', { path: example('hello') });
    await heddle(up, 'apply', '-f', `${sent.path}/all.yaml`);
    const state = `${up.folder.path}/state`;
    const { mode } = statSync(`${state}/applied`);
    assert.equal(mode & 0o077, 0, 'others may not look into it');
    await up.process.stop();
    assert.deepEqual(await readdir(`${state}/applied`), ['virtualservice.istio-system.hello.yaml']);
    await using again = await startHeddle(['up', example('hello'), '--gateway-port', '0', '--state-dir', state], {
      ready: /^ready/,
      stopTimeoutMs: 15_000,
    });
    assert.match(
      again.stdout(),
      /applied {2}VirtualService istio-system\/hello, from .*applied\/virtualservice\.istio-system\.hello\.yaml, in place of .*routing\.yaml:\d+:1/,
    );
  });

  void test('exec runs in the container: its variables, folder, input, exit code', async () => {
    const run = await heddle(up, 'exec', 'hello-v1', '--', 'sh', '-c', 'echo "$HOSTNAME $PORT"; pwd; echo wrong >&2; exit 3');
    const port = (await up.state()).workloads.find(({ name }) => name === 'hello-v1')?.ports['8080']?.app;
    assert.equal(run.stdout, `hello-v1 ${port}\n${example('hello')}\n`);
    assert.equal(run.stderr, 'wrong\n');
    assert.equal(run.code, 3);
    assert.deepEqual(await heddle(up, 'exec', 'hello-v1', '--', 'no-such-program'), {
      code: 127,
      stdout: '',
      stderr: 'heddle: there is no program no-such-program\n',
    });
    const state = `${up.folder.path}/state`;
    const launcher = new URL('../../bin/heddle.js', import.meta.url).pathname;
    const piped = await startProcess({
      command: 'sh',
      args: ['-c', `printf 'one\\ntwo\\n' | "$0" "${launcher}" exec -i --state-dir "${state}" hello-v2 -- wc -l`, process.execPath],
    });
    assert.equal((await piped.exited).code, 0);
    assert.match(piped.stdout(), /^\s*2\n$/);
  });

  void test('logs are of a pod, a container or a proxy; the last lines, the newest, or those of the run before', async () => {
    assert.match((await heddle(up, 'logs', 'pod/hello-v2')).stdout, /^hello v2 listens on \d+\n$/m);
    await up.call('hello.example.com', '/one');
    await up.call('hello.example.com', '/two');
    const access = await waitUntil('both are logged', async () => {
      const { stdout } = await heddle(up, 'logs', 'istio-ingressgateway-0', '-n', 'istio-system', '--proxy', '--tail', '2', '--since', '5m');
      return /\/one [^]*\/two /.test(stdout) ? stdout : undefined;
    });
    assert.equal(access.trimEnd().split('\n').length, 2);
    assert.equal((await heddle(up, 'logs', 'istio-ingressgateway-0', '-n', 'istio-system', '--since', '1ms')).stdout, '');
    const first = await heddle(up, 'logs', 'hello-v2', '--previous');
    assert.match(first.stderr, /it was started once only/);
    await heddle(up, 'delete', 'pod', 'hello-v2');
    await waitUntil('it has been started again', async () => (await heddle(up, 'logs', 'hello-v2', '--previous')).code === 0);
    assert.match((await heddle(up, 'logs', 'hello-v2', '--previous')).stdout, /^hello v2 listens on \d+$/m);
    assert.equal((await heddle(up, 'logs', 'hello-v2', '-c', 'none')).code, 0, 'a container that is alone needs no name');
    assert.match((await heddle(up, 'logs', 'helo-v1')).stderr, /did you mean hello-v1\?/);
  });

  void test('a command whose caller goes away does not stay', async () => {
    const run = await startHeddle(['exec', '--state-dir', `${up.folder.path}/state`, 'hello-v1', '--', 'sh', '-c', 'echo $$; exec sleep 1000'], {});
    const [, pid = ''] = await run.waitForLine(/^(\d+)$/);
    run.signal('SIGKILL');
    await run.exited;
    await waitUntil('it has ended', () => !existsSync(`/proc/${pid}/stat`) || process.platform !== 'linux');
  });

  void test('port-forward leads to the application of a pod or Service, past its proxy', async () => {
    await using forward = await startHeddle(['port-forward', '--state-dir', `${up.folder.path}/state`, 'svc/hello', ':80'], { ready: /^forwarding/ });
    const [, port = ''] = await forward.waitForLine(/127\.0\.0\.1:(\d+) -> svc\/hello port 80/);
    const answers = await Promise.all(Array.from({ length: 5 }, () => httpCall({ port: Number(port), path: '/' })));
    for (const { status, headers } of answers) {
      assert.equal(status, 200);
      assert.equal(headers['x-envoy-upstream-service-time'], undefined);
    }
    const socket = connect({ port: Number(port), host: '127.0.0.1' });
    socket.end('GET / HTTP/1.0\r\n\r\n');
    let text = '';
    for await (const part of socket) text += String(part);
    assert.match(text, /^HTTP\/1\.1 200/, 'an end of ours does not end the answer');
  });

  void test("without the token nothing is changed, and the token is its owner's", async () => {
    await using up = await startUp('embedded', { path: example('hello') });
    const state = await up.state();
    const file = `${up.folder.path}/state/admin-token`;
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const token = (await readFile(file, 'utf8')).trim();
    assert.ok(!JSON.stringify(state).includes(token) && !up.process.output().includes(token), 'it is printed nowhere');
    const post = (headers: Readonly<Record<string, string>>): Promise<Response> =>
      fetch(`${state.adminUrl}/restart`, {
        method: 'POST',
        body: JSON.stringify({ kind: 'deployment', name: 'none' }),
        headers: { 'content-type': 'application/json', ...headers },
      });
    assert.equal((await post({})).status, 401);
    assert.equal((await post({ authorization: `Bearer ${token.replace(/^./, 'x')}` })).status, 401);
    assert.equal((await post({ authorization: `Bearer ${token}`, origin: 'http://evil.example' })).status, 403);
    assert.equal((await post({ authorization: `Bearer ${token}` })).status, 404);
    await writeFile(file, 'x'.repeat(64));
    const exec = await heddle(up, 'exec', 'hello-v1', '--', 'true');
    assert.match(exec.stderr, /does not take the token/);
    await up.process.stop();
    assert.ok(!existsSync(file), 'it goes with the mesh');
  });

  void test('where no mesh runs, or several do, that is said', async () => {
    await using folder = await temporaryFolder({});
    const none = await startHeddle(['get', 'pods'], { cwd: folder.path });
    assert.equal((await none.exited).code, 1);
    assert.match(none.stderr(), /no mesh runs here\n {2}start one: heddle up PATH/);
    const start = (state: string) =>
      startHeddle(['up', example('hello'), '--gateway-port', '0', '--state-dir', state], {
        cwd: folder.path,
        ready: /^ready/,
        stopTimeoutMs: 15_000,
        readyTimeoutMs: 30_000,
      });
    await using _one = await start('.heddle');
    await using _other = await start('.heddle-other');
    const several = await startHeddle(['get', 'pods'], { cwd: folder.path });
    assert.equal((await several.exited).code, 1);
    assert.match(several.stderr(), /several meshes run in .*\n {2}say which one: --state-dir \.heddle or --state-dir \.heddle-other/);
  });
});
