// TCP connections to faulty endpoints: attempts, limits, ejections, deadlines, servers that speak first. Each scenario runs on the embedded proxy and on a
// real Envoy; what clients see and what the access log says must be as written here on both.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { deadPort } from '#test/calls/resilience-stage.ts';
import { address, bootstrap, fileLog, listener, type Part, tcpChain } from '#test/support/bootstrap-parts.ts';
import { startPlane } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { RawClient, startRawServer } from '#test/support/raw-tcp.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

type Stage = {
  readonly connect: () => RawClient;
  /** Flags of each connection that has ended, in order. */
  readonly logged: (count: number) => Promise<readonly string[]>;
  readonly stat: (name: string) => Promise<number>;
};

type Scenario = {
  readonly name: string;
  /** Of each endpoint whether somebody listens. */
  readonly listens: readonly boolean[];
  readonly cluster?: Part;
  readonly proxy?: Part;
  readonly run: (stage: Stage) => Promise<void>;
};

const greeting = 'ready when you are\n';

const scenarios: readonly Scenario[] = [
  {
    name: 'a server that speaks first',
    listens: [true],
    run: async ({ connect, logged }) => {
      using client = connect();
      assert.equal(await client.until('\n'), greeting);
      client.send('hello');
      assert.match(await client.until('HELLO'), /HELLO$/);
      client.socket.end();
      await client.untilClosed();
      assert.deepEqual(await logged(1), ['-']);
    },
  },
  {
    name: 'another attempt reaches another endpoint',
    listens: [false, true],
    proxy: { max_connect_attempts: 2 },
    run: async ({ connect }) => {
      for (let connection = 0; connection < 4; connection++) {
        using client = connect();
        assert.equal(await client.until('\n'), greeting);
      }
    },
  },
  {
    name: 'one attempt alone fails',
    listens: [false],
    run: async ({ connect, logged }) => {
      using client = connect();
      assert.equal(await client.untilClosed(), '');
      assert.deepEqual(await logged(1), ['UF,URX']);
    },
  },
  {
    name: 'nobody is there',
    listens: [],
    run: async ({ connect, logged }) => {
      using client = connect();
      assert.equal(await client.untilClosed(), '');
      assert.deepEqual(await logged(1), ['UH']);
    },
  },
  {
    name: 'more connections than allowed',
    listens: [true],
    cluster: { circuit_breakers: { thresholds: [{ max_connections: 1 }] } },
    run: async ({ connect, logged, stat }) => {
      using first = connect();
      await first.until('\n');
      using second = connect();
      assert.equal(await second.untilClosed(), '');
      assert.deepEqual(await logged(1), ['UO']);
      assert.equal(await stat('upstream_cx_overflow'), 1);
      first.socket.end();
      await first.untilClosed();
      await logged(2);
      using third = connect();
      assert.equal(await third.until('\n'), greeting);
    },
  },
  {
    name: 'an endpoint that refuses is ejected',
    listens: [false, true],
    cluster: {
      outlier_detection: { consecutive_5xx: 2, interval: '60s', max_ejection_percent: 50 },
      // Envoy gathers changes of health for a second unless told otherwise.
      common_lb_config: { update_merge_window: '0s' },
    },
    run: async ({ connect, stat }) => {
      let failed = 0;
      for (let connection = 0; connection < 12; connection++) {
        using client = connect();
        if ((await client.until('\n')) !== greeting) failed++;
      }
      assert.ok(failed === 2 || failed === 3, String(failed));
      assert.equal(await stat('outlier_detection.ejections_active'), 1);
    },
  },
  {
    name: 'a connection that lasts too long',
    listens: [true],
    proxy: { max_downstream_connection_duration: '0.2s' },
    run: async ({ connect, logged }) => {
      using client = connect();
      assert.equal(await client.untilClosed(), greeting);
      assert.deepEqual(await logged(1), ['DT']);
    },
  },
  {
    name: 'a connection that is silent for too long',
    listens: [true],
    proxy: { idle_timeout: '0.2s' },
    run: async ({ connect, logged }) => {
      using client = connect();
      assert.equal(await client.untilClosed(), greeting);
      assert.equal((await logged(1)).length, 1);
    },
  },
];

async function runAll(binary: string | undefined): Promise<void> {
  await using folder = await temporaryFolder();
  await using server = await startRawServer((socket) => {
    socket.write(greeting);
    socket.on('data', (chunk: Buffer) => socket.write(chunk.toString('latin1').toUpperCase()));
    socket.on('end', () => socket.end());
  });
  const ports = await listenPorts(scenarios.length);
  const logOf = (index: number): string => join(folder.path, `log-${index}`);
  const listeners = scenarios.map(({ proxy = {} }, index) => {
    const access_log = [fileLog(logOf(index), '%RESPONSE_FLAGS%\n')];
    return listener(`l${index}`, ports[index] ?? 0, [tcpChain(`c${index}`, { access_log, ...proxy })]);
  });
  const clusters = scenarios.map(({ listens, cluster = {} }, index) => {
    const lb_endpoints = listens.map((alive) => ({ endpoint: { address: address(alive ? server.port : deadPort) } }));
    return { name: `c${index}`, connect_timeout: '1s', load_assignment: { cluster_name: `c${index}`, endpoints: [{ lb_endpoints }] }, ...cluster };
  });
  await using plane = await startPlane(binary, bootstrap(listeners, clusters));
  const failures: string[] = [];
  for (const [index, { name, run }] of scenarios.entries()) {
    const stage: Stage = {
      connect: () => new RawClient(ports[index] ?? 0),
      logged: (count) =>
        waitUntil(`${count} lines in the access log`, async () => {
          const lines = (await readFile(logOf(index), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
          return lines.length >= count && lines;
        }),
      stat: async (stat) => {
        const lines = (await plane.admin(`/stats?filter=cluster.c${index}.${stat}`)).split('\n');
        return Number(lines.find((line) => line.startsWith(`cluster.c${index}.${stat}: `))?.split(': ')[1] ?? 0);
      },
    };
    try {
      await run(stage);
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  assert.deepEqual(failures, []);
}

void test('TCP to faulty endpoints: embedded proxy', async () => {
  await runAll(undefined);
});

envoyTest('TCP to faulty endpoints: Envoy', async (binary) => {
  await runAll(binary);
});
