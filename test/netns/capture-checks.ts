// What must hold in pods whose connections are captured, whichever data plane captures them.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { excluded, type MeshOptions, outsideHost, pods, services } from '#test/netns/mesh.ts';
import { insideAddress, nodeAddress, type TestPod } from '#test/netns/namespaces.ts';
import type { Answer, Order } from '#test/netns/pod-app.ts';
import type { RunningProcess } from '#test/support/start-process.ts';
import { waitUntil } from '#test/support/wait-until.ts';

export type Stage = {
  readonly plane: 'embedded' | 'envoy';
  readonly caller: TestPod;
  readonly server: TestPod;
  readonly plain: TestPod;
  readonly callerProxy: RunningProcess;
  readonly serverProxy: RunningProcess;
  readonly setMesh: (options: MeshOptions) => Promise<void>;
};

/** A second one of the pod without a proxy, in the range that is excluded. */
const excludedAddress = '198.18.0.13';

/** Longer than what Envoy's inspector of TLS waits for before it says that this is none. */
const spoken = 'hello there\n';

type Check = readonly [name: string, check: (stage: Stage) => Promise<void>];

export const checks: readonly Check[] = [
  [
    'apps listen on their own ports',
    async ({ caller, server, plain }) => {
      for (const [pod, what, port] of [
        [server, 'http', 8080],
        [server, 'greet', 3307],
        [server, 'http', 9000],
        [server, 'greet', 9100],
        [server, 'greet', 7777],
        [server, 'greet', 9999],
        [caller, 'http', 8080],
        [plain, 'greet', 7000],
        [plain, 'greet', 7001],
        [plain, 'greet', 7002],
        [plain, 'http', 80],
      ] as const)
        assert.deepEqual(await pod.ask({ kind: 'serve', what, port }), { kind: 'serving' });
    },
  ],
  [
    'HTTP to the address of a service goes by its routes, with mutual TLS',
    async ({ caller }) => {
      const { status, body } = await http(caller, services.web, 80, { host: 'web' });
      assert.equal(status, 200, body);
      const seen = JSON.parse(body) as Seen;
      assert.match(seen.headers['x-forwarded-client-cert'] ?? '', /spiffe:\/\/cluster\.local\/ns\/default\/sa\/default/);
      assert.equal(seen.remoteAddress, '127.0.0.6');
      assert.equal(seen.localAddress, pods.server.address);
    },
  ],
  [
    'a server that speaks first is heard through mutual TLS',
    async ({ caller }) => assert.equal(await line(caller, services.db, 3306), `greet on ${pods.server.address}:3307 for 127.0.0.6`),
  ],
  [
    'a port of no declared protocol takes HTTP',
    async ({ caller }) => assert.equal((await http(caller, services.any, 9000, { host: 'any:9000' })).status, 200),
  ],
  [
    'HTTP to an address that nobody knows passes through, on a port of services too',
    async ({ caller }) => {
      const { status, body } = await http(caller, pods.plain.address, 80, { host: 'nobody.example' });
      assert.equal(status, 200, body);
      // The proxy of the caller is not to be seen.
      assert.equal((JSON.parse(body) as Seen).remoteAddress, pods.caller.address);
    },
  ],
  [
    'bytes to an address that nobody knows pass through to where they were sent',
    async ({ caller, callerProxy }) => {
      assert.equal(await line(caller, pods.plain.address, 7000), `greet on ${pods.plain.address}:7000 for ${pods.caller.address}`);
      await waitUntil('the log', () => callerProxy.output().includes(`${pods.plain.address}:7000 PassthroughCluster ${pods.plain.address}:7000 -`));
    },
  ],
  [
    'a connection counts for the listener that serves it, and for that alone',
    async ({ caller }) => {
      const counts = async () => {
        const stats = await adminPage(pods.caller.address, '/stats');
        const total = (listener: string): number =>
          Number(new RegExp(`^listener\\.${listener}\\.downstream_cx_total: (\\d+)$`, 'm').exec(stats)?.[1]);
        return { service: total('198\\.19\\.0\\.11_3306'), anyPort80: total('0\\.0\\.0\\.0_80'), virtualOutbound: total('0\\.0\\.0\\.0_15001') };
      };
      const before = await counts();
      await line(caller, services.db, 3306);
      await http(caller, services.web, 80, { host: 'web' });
      assert.deepEqual(await counts(), { ...before, service: before.service + 1, anyPort80: before.anyPort80 + 1 });
      await line(caller, pods.plain.address, 7000);
      assert.equal((await counts()).virtualOutbound, before.virtualOutbound + 1);
    },
  ],
  [
    'what is excluded does not meet the proxy',
    async ({ caller, callerProxy }) => {
      assert.match(await line(caller, pods.plain.address, excluded.outboundPort), new RegExp(`:7001 for ${pods.caller.address}$`));
      assert.equal(await line(caller, excludedAddress, 7002), `greet on ${excludedAddress}:7002 for ${pods.caller.address}`);
      assert.doesNotMatch(callerProxy.output(), /:700[12] /);
    },
  ],
  [
    'the app gets an address of the mesh for a name outside, the proxy that of the node’s DNS',
    async ({ caller }) => {
      const found = await caller.ask({ kind: 'lookup', name: outsideHost, server: nodeAddress });
      assert.ok(found.kind === 'addresses', JSON.stringify(found));
      const [address = ''] = found.addresses;
      assert.match(address, /^240\.240\./);
      const { status, body } = await http(caller, address, 80, { host: outsideHost });
      assert.equal(status, 200, body);
      assert.equal((JSON.parse(body) as Seen).localAddress, pods.plain.address);
    },
  ],
  [
    'a pod calls itself by its own service',
    async ({ caller }) => {
      const { status, body } = await http(caller, services.self, 80, { host: 'self' });
      assert.equal(status, 200, body);
      assert.match((JSON.parse(body) as Seen).headers['x-forwarded-client-cert'] ?? '', /spiffe/);
    },
  ],
  [
    'a pod calls itself by its own address without its proxy',
    async ({ caller }) => {
      const { body } = await http(caller, pods.caller.address, 8080);
      assert.equal((JSON.parse(body) as Seen).remoteAddress, pods.caller.address);
    },
  ],
  [
    'plaintext from a pod without a proxy is taken where it is permitted',
    async ({ plain }) => {
      const { status, body } = await http(plain, pods.server.address, 8080);
      assert.equal(status, 200, body);
      assert.equal((JSON.parse(body) as Seen).headers['x-forwarded-client-cert'], undefined);
      assert.equal((JSON.parse(body) as Seen).remoteAddress, '127.0.0.6');
    },
  ],
  [
    'bytes from a pod without a proxy reach a port that no service has',
    async ({ plain }) => {
      // Nothing is said until the inspector knows that it is no TLS: the client has to speak first.
      assert.equal(
        await firstLine(plain, { host: pods.server.address, port: 7777, send: spoken }),
        `greet on ${pods.server.address}:7777 for 127.0.0.6`,
      );
    },
  ],
  [
    'a port that is excluded inbound is the app itself',
    async ({ plain }) => assert.equal(await line(plain, pods.server.address, 9999), `greet on ${pods.server.address}:9999 for ${pods.plain.address}`),
  ],
  [
    'probes of the node are not captured',
    async () => {
      const accepted = async (): Promise<string | undefined> =>
        /^listener\.0\.0\.0\.0_15006\.downstream_cx_total: (\d+)$/m.exec(await adminPage(pods.server.address, '/stats'))?.[1];
      const before = await accepted();
      assert.notEqual(before, undefined);
      assert.equal((await fetch(`http://${pods.server.address}:8080/`)).status, 200);
      assert.equal(await accepted(), before);
    },
  ],
  [
    'connections to the ports of the proxy itself end and do not come back for ever',
    async ({ caller, plain }) => {
      for (const port of [15_001, 15_006]) {
        assert.equal(await firstLine(caller, { host: pods.caller.address, port, send: spoken }), '', `own ${port}`);
        assert.equal(await firstLine(plain, { host: pods.caller.address, port, send: spoken }), '', `${port} from elsewhere`);
      }
    },
  ],
  [
    'nobody knows an address: REGISTRY_ONLY ends it',
    async ({ caller, plain, setMesh }) => {
      await setMesh({ registryOnly: true });
      await waitUntil('bytes are refused', async () => (await firstLine(caller, { host: pods.plain.address, port: 7000 })) === '');
      await waitUntil('HTTP is refused', async () => (await http(caller, pods.plain.address, 80, { host: 'nobody.example' })).status === 502);
      assert.equal((await http(caller, services.web, 80, { host: 'web' })).status, 200);
      void plain;
    },
  ],
  [
    'a server that speaks first on a port of no declared protocol is heard when the proxies have waited long enough for its client',
    async ({ caller, plain, setMesh }) => {
      await setMesh({ detectionTimeout: '0.2s' });
      const heard = `greet on ${pods.server.address}:9100 for 127.0.0.6`;
      await waitUntil('from a pod with a proxy', async () => (await firstLine(caller, { host: services.talk, port: 9100 })) === heard, {
        timeoutMs: 20_000,
      });
      await waitUntil('in plaintext', async () => (await firstLine(plain, { host: pods.server.address, port: 9100 })) === heard, {
        timeoutMs: 20_000,
      });
    },
  ],
  [
    'STRICT takes mutual TLS and no plaintext',
    async ({ caller, plain, setMesh }) => {
      await setMesh({ strict: true });
      await waitUntil(
        'plaintext is refused',
        async () => (await plain.ask({ kind: 'http', host: pods.server.address, port: 8080 })).kind === 'error',
      );
      assert.equal((await http(caller, services.web, 80, { host: 'web' })).status, 200);
      assert.equal(await line(caller, services.db, 3306), `greet on ${pods.server.address}:3307 for 127.0.0.6`);
      assert.equal(await firstLine(plain, { host: pods.server.address, port: 7777, send: spoken }), '');
    },
  ],
];

type Seen = { readonly remoteAddress: string; readonly localAddress: string; readonly headers: Readonly<Record<string, string>> };

async function http(
  pod: TestPod,
  host: string,
  port: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<Extract<Answer, { kind: 'http' }>> {
  const answer = await pod.ask({ kind: 'http', host, port, headers });
  if (answer.kind !== 'http') throw new Error(`${host}:${port}: ${JSON.stringify(answer)}`);
  return answer;
}

/** Of a pod's proxy, from the node's address that reaches the pod's own localhost. */
async function adminPage(host: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host, port: 15_000, path, localAddress: insideAddress, agent: false }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (part: string) => (body += part));
      answer.on('end', () => resolve(body));
      answer.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** The line of a server that speaks first. */
async function line(pod: TestPod, host: string, port: number): Promise<string> {
  const answer = await pod.ask({ kind: 'tcp', host, port });
  if (answer.kind !== 'tcp') throw new Error(`${host}:${port}: ${JSON.stringify(answer)}`);
  return answer.said.trimEnd();
}

/** '' where the connection is closed without one. */
async function firstLine(pod: TestPod, order: Omit<Extract<Order, { kind: 'tcp' }>, 'kind'>): Promise<string> {
  const answer = await pod.ask({ kind: 'tcp', ...order });
  if (answer.kind === 'error') return answer.code === 'ECONNRESET' || answer.code === 'ECONNREFUSED' ? '' : answer.code;
  return answer.kind === 'tcp' ? (answer.said.split('\n')[0] ?? '') : '';
}
