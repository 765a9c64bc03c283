// kill -9 of one process of a pod that has a network of its own: what is lost is what was on its way through it, and nothing goes past a proxy that is away.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { inOwnNetwork } from '#test/scenario/own-network.ts';
import { example, type Up } from '#test/scenario/up.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const inside = 'http://hello/';
const outside = 'http://198.19.0.200/';

const caller = `
apiVersion: v1
kind: Pod
metadata: { name: caller, labels: { app: caller } }
spec: { containers: [{ name: app, command: [node, caller.js] }] }
---
apiVersion: v1
kind: Pod
metadata: { name: plain, labels: { app: plain, sidecar.istio.io/inject: "false" } }
spec: { containers: [{ name: app, command: [node, plain.js], ports: [{ containerPort: 80 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: plain }
spec: { clusterIP: 198.19.0.200, selector: { app: plain }, ports: [{ name: http, port: 80 }] }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
`;

/** Takes anybody, and tells whom a proxy sent from who came by himself. */
const plainScript = `
require('node:http').createServer((request, response) => {
  response.writeHead(request.headers['x-request-id'] === undefined ? 299 : 200).end();
}).listen(80);
`;

/** Calls a Service and one that would take calls past a proxy for ever, and says what comes of either whenever that changes. */
const callerScript = `
const http = require('node:http');
function call(url) {
  let last;
  const say = (outcome) => {
    if (outcome !== last) console.log(url + ' ' + outcome);
    last = outcome;
    setTimeout(ask, 10);
  };
  const ask = () => {
    http.get(url, { agent: false }, (answer) => answer.resume().on('end', () => say(answer.statusCode)).on('error', (error) => say(error.code)))
      .on('error', (error) => say(error.code));
  };
  ask();
}
call('${inside}');
call('${outside}');
`;

async function kill(up: Up, name: string): Promise<void> {
  const { pid } = (await up.state()).processes.find((one) => one.name === name) ?? { pid: 0 };
  assert.ok(pid > 1, `${name} runs`);
  process.kill(pid, 'SIGKILL');
}

/** What the caller said of one address since its log had so many characters. */
async function outcomes(up: Up, url: string, from = 0): Promise<readonly string[]> {
  const said = (await up.log('caller')).slice(from).trim().split('\n');
  return said.filter((line) => line.startsWith(url)).map((line) => line.slice(url.length + 1));
}

inOwnNetwork(
  'after kill -9 of a program or a proxy the pod is whole again in its place; nothing goes past a proxy that is away',
  async (start) => {
    const files = await Promise.all(
      ['hello.yaml', 'routing.yaml'].map(async (name) => [name, await readFile(`${example('hello')}/${name}`, 'utf8')]),
    );
    const images = (await readFile(`${example('hello')}/heddle.yaml`, 'utf8')).replaceAll('server.ts', `${example('hello')}/server.ts`);
    await using up = await start({
      files: { ...Object.fromEntries(files), 'heddle.yaml': images, 'caller.yaml': caller, 'caller.js': callerScript, 'plain.js': plainScript },
    });
    const before = await up.state();
    await waitUntil('the calls are answered', async () => (await outcomes(up, inside)).at(-1) === '200');
    await waitUntil('the others, too', async () => (await outcomes(up, outside)).at(-1) === '200');

    await kill(up, 'hello-v1/hello');
    const readyTimes = (): number => up.events().filter(({ kind, workload }) => kind === 'ready' && workload === 'default/hello-v1').length;
    await waitUntil('hello-v1 is whole again', () => readyTimes() === 2, { timeoutMs: 30_000 });

    const mark = (await up.log('caller')).length;
    await kill(up, 'caller/istio-proxy');
    // By its address: who asks for a name may find itself asking again when the proxy is back.
    await waitUntil('calls fail', async () => (await outcomes(up, outside, mark)).some((outcome) => outcome !== '200'));
    await waitUntil('and are answered again', async () => (await outcomes(up, outside, mark)).at(-1) === '200', { timeoutMs: 30_000 });
    await waitUntil('hello answers again', async () => (await outcomes(up, inside)).at(-1) === '200', { timeoutMs: 30_000 });
    const lost = new Set([...(await outcomes(up, inside, mark)), ...(await outcomes(up, outside, mark))]);
    assert.ok(lost.has('ECONNREFUSED') || lost.has('ECONNRESET'), [...lost].join());
    for (const outcome of lost) assert.match(outcome, /^(200|503|ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN)$/);

    const addresses = ({ workloads }: typeof before) => workloads.map(({ name, address }) => `${name} ${address}`);
    assert.deepEqual(addresses(await up.state()), addresses(before), 'no pod was replaced');
  },
  'each once',
);
