// The command line as its users meet it: help, mistakes in the call, exit codes, output for programs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { example } from '#test/scenario/up.ts';
import { startHeddle } from '#test/support/start-process.ts';

type Outcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

async function heddle(...args: readonly string[]): Promise<Outcome> {
  const run = await startHeddle(args);
  const { code } = await run.exited;
  return { code, stdout: run.stdout(), stderr: run.stderr() };
}

test('help names every command, and each has examples', async () => {
  const { code, stdout } = await heddle('--help');
  assert.equal(code, 0);
  const names = [
    'up',
    'status',
    'logs',
    'get',
    'describe',
    'exec',
    'port-forward',
    'apply',
    'delete',
    'scale',
    'rollout',
    'analyze',
    'compile',
    'control-plane',
    'proxy',
    'ca',
    'token',
    'version',
  ];
  for (const name of names) assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
  const helps = await Promise.all(names.map((name) => heddle(name, '--help')));
  for (const [index, help] of helps.entries()) {
    assert.equal(help.code, 0);
    assert.match(help.stdout, /Examples:\n {2}heddle /, names[index] ?? '');
  }
  assert.equal((await heddle('help', 'up')).stdout, helps[0]?.stdout);
});

const mistakes: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['an unknown command', ['anlyze'], /there is no command anlyze\n {2}did you mean: heddle analyze\?/],
  ['an unknown option', ['up', '--gatewayport', '1'], /unknown option '--gatewayport'[\s\S]*try: heddle up --help/],
  ['a port that is none', ['up', '--gateway-port', 'http'], /It must be a port, 0 to 65535/],
  ['a missing argument', ['logs'], /missing required argument 'name'/],
  ['a choice that is none', ['up', '--data-plane', 'nginx'], /Allowed choices are embedded, envoy/],
  [
    'a proxy that is not there',
    ['compile', example('hello'), '--proxy', 'hello-v3.default'],
    /no pod hello-v3\.default; did you mean hello-v[12]\.default\?/,
  ],
  [
    'an admin API that strangers could reach',
    ['control-plane', '--config', example('hello'), '--admin-address', '0.0.0.0'],
    /the admin API is not opened: 0\.0\.0\.0 can be reached from other machines.*\n.*--admin-tls-certificate/,
  ],
  [
    'a token file that is not there',
    ['up', example('hello'), '--admin-token-file', '/no/such/file'],
    /the admin API is not opened: \/no\/such\/file cannot be read \(ENOENT\)\n.*--admin-token-file/,
  ],
  [
    'xDS for other machines without an authority',
    ['control-plane', '--config', example('hello'), '--address', '0.0.0.0'],
    /xDS is not opened: 0\.0\.0\.0 can be reached from other machines.*\n.*--ca/,
  ],
  ['a secure port without an authority', ['control-plane', '--config', example('hello'), '--secure-port', '0'], /--ca FOLDER/],
  [
    'an authority that is not there',
    ['ca', 'show', '--ca', '/no/such/folder'],
    /there is no certificate authority in \/no\/such\/folder\n.*heddle ca create/,
  ],
  ['a token for nobody', ['token', 'create', '-n', 'No/body'], /'No\/body' cannot be a namespace/],
  ['half of a command', ['token'], /Commands:\n {2}create/],
  ['a path that is not there', ['analyze', '/no/such/folder'], /^$/],
];

for (const [name, args, expected] of mistakes) {
  test(`${name} ends with 2 and says what to do`, async () => {
    const { code, stderr } = await heddle(...args);
    assert.equal(code, 2);
    assert.match(stderr, expected);
  });
}

test('version, as text and as JSON', async () => {
  assert.match((await heddle('--version')).stdout, /^heddle \d+\.\d+\.\d+ \(Node 26\.\d+\.\d+\)\n$/);
  assert.match((await heddle('version', '-o', 'json')).stdout, /^\{"heddle":"\d+\.\d+\.\d+","node":"26\./);
});

test('analyze names the four mistakes of the mesh as it is often published, with place and fix', async () => {
  const { code, stdout } = await heddle('analyze', example('hello/as-published'));
  assert.equal(code, 1);
  const expected = [
    /hello\.yaml:9:3: error \[HDL0020\] Service default\/hello selects no Pod[^\n]*\n[^\n]*\n {4}fix: /,
    /hello\.yaml:27:7: warning \[HDL0022\][^\n]*istio-proxy is written by hand[^\n]*\n {4}fix: /,
    /hello\.yaml:32:3: warning \[HDL0010\][^\n]*readinessProbe and livenessProbe[^\n]*\n[^\n]*\n {4}fix: /,
    /routing\.yaml:33:13: error \[IST0101\] host "hello" not found[^\n]*\n {4}fix: write hello\.default\.svc\.cluster\.local/,
  ];
  for (const one of expected) assert.match(stdout, one);
});

test('analyze finds nothing in the examples, and answers programs in JSON', async () => {
  for (const name of ['hello', 'bookinfo']) {
    const { code, stdout } = await heddle('analyze', example(name));
    assert.equal(code, 0);
    assert.match(stdout, /^no mistakes found in \d+ resources\n$/);
  }
  const json = await heddle('analyze', example('hello'), '-o', 'json');
  assert.deepEqual(JSON.parse(json.stdout), []);
});

test('compile shows what a proxy is told, and the mesh', async () => {
  const xds = await heddle('compile', example('hello'), '--proxy', 'istio-ingressgateway-0.istio-system');
  assert.equal(xds.code, 0, xds.stderr);
  assert.match(xds.stdout, /name: outbound\|80\|v1\|hello\.default\.svc\.cluster\.local/);
  const model = await heddle('compile', example('hello'), '--to', 'model', '-o', 'json');
  assert.equal(model.code, 0);
  assert.ok('services' in (JSON.parse(model.stdout) as object));
});

test('status and logs without a mesh say how to start one', async () => {
  const status = await heddle('status', '--state-dir', '/no/such/folder');
  assert.equal(status.code, 1);
  assert.match(status.stderr, /no mesh runs[\s\S]*heddle up PATH/);
  const logs = await heddle('logs', 'hello-v1', '--state-dir', '/no/such/folder');
  assert.equal(logs.code, 2);
});
