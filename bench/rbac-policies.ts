// What many policies on one workload cost: the same allowed request through each proxy with one policy and with a thousand, the one that allows it last
// by name, under the same load in alternating rounds.
import { type Bench, judge, median, round, type Settings, type Table } from '#bench/bench.ts';
import { applyLoad } from '#bench/load.ts';
import { cpuMicroseconds } from '#bench/process-usage.ts';
import { bootstrap, httpChain, listener, typedConfig } from '#test/support/bootstrap-parts.ts';
import { findEnvoy } from '#test/support/envoy.ts';
import { freePort } from '#test/support/free-port.ts';
import { httpCall } from '#test/support/http-call.ts';
import { type RunningProcess, startHeddle, startProcess } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const few = 1;
const many = 1000;

export const rbacPolicies: Bench = {
  name: 'rbac-policies',
  about: `keep-alive GET, answered by the proxy, 32 connections, with ${few} and with ${many} ALLOW policies about paths, methods and addresses`,
  run: measure,
};

type Subject = {
  readonly proxy: 'heddle' | 'envoy';
  readonly policies: number;
  readonly port: number;
  readonly pid: number;
  readonly costs: number[];
};

async function measure({ quick, say }: Settings): Promise<Table> {
  await using resources = new AsyncDisposableStack();
  const envoy = findEnvoy();
  const subjects: Subject[] = [];
  for (const proxy of envoy === undefined ? (['heddle'] as const) : (['heddle', 'envoy'] as const)) {
    for (const policies of [few, many]) subjects.push(await start(proxy, policies, envoy ?? '', resources));
  }
  for (const { port } of subjects) await applyLoad(port, quick ? 1 : 4); // warm-up
  for (let number = 1; number <= (quick ? 1 : 7); number++) {
    for (const { proxy, policies, port, pid, costs } of subjects) {
      const before = cpuMicroseconds(pid);
      const { requests, failed } = await applyLoad(port, quick ? 1 : 4);
      if (failed > 0) throw new Error(`${failed} requests failed: no measurement`);
      const cost = (cpuMicroseconds(pid) - before) / requests;
      costs.push(cost);
      say(`round ${number}, ${proxy} with ${policies}: ${round(cost)} us CPU a request`);
    }
  }
  const more = (proxy: Subject['proxy']): number | undefined => {
    const [one, other] = subjects.filter((subject) => subject.proxy === proxy).map(({ costs }) => median(costs));
    return one === undefined || other === undefined ? undefined : other - one;
  };
  const own = more('heddle');
  return {
    columns: ['proxy', 'policies', 'CPU us/request', 'more than with one'],
    rows: subjects.map(({ proxy, policies, costs }) => [
      proxy,
      String(policies),
      round(median(costs)),
      policies === few ? '' : (more(proxy)?.toFixed(2) ?? '-'),
    ]),
    notes: [
      ...(own === undefined ? [] : [judge(`${many} policies against ${few}`, own, 3, ' us')]),
      ...(envoy === undefined ? ['left out: envoy (no Envoy: set ENVOY_BIN)'] : []),
    ],
  };
}

async function start(proxy: Subject['proxy'], policies: number, envoy: string, resources: AsyncDisposableStack): Promise<Subject> {
  const folder = resources.use(await temporaryFolder());
  const port = await freePort();
  const file = await folder.write('bootstrap.json', JSON.stringify(configOf(port, policies)));
  const ready = async (): Promise<boolean> => (await httpCall({ port, timeoutMs: 1000 })).status === 200;
  const process: RunningProcess =
    proxy === 'heddle'
      ? await startHeddle(['proxy', '-c', file], { ready, cwd: folder.path })
      : await startProcess({
          command: envoy,
          args: ['-c', file, '--concurrency', '1', '--log-level', 'error', '--use-dynamic-base-id'],
          ready,
          cwd: folder.path,
        });
  resources.defer(async () => {
    await process.stop();
  });
  return { proxy, policies, port, pid: process.pid, costs: [] };
}

/** As Istio compiles AuthorizationPolicies of one rule each. */
function configOf(port: number, count: number) {
  const names = Array.from({ length: count - 1 }, (_, index) => `ns[shop]-policy[allow-${index}]-rule[0]`);
  const policies = Object.fromEntries([
    ...names.map((name, index) => [name, policy(`/api/v1/service-${index}/items`)] as const),
    ['ns[shop]-policy[z]-rule[0]', policy('/')] as const,
  ]);
  const rbac = typedConfig('extensions.filters.http.rbac.v3.RBAC', { rules: { action: 'ALLOW', policies } });
  const router = typedConfig('extensions.filters.http.router.v3.Router');
  const filters = [
    { name: 'envoy.filters.http.rbac', typed_config: rbac },
    { name: 'envoy.filters.http.router', typed_config: router },
  ];
  const answer = { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'ok' } } };
  return bootstrap([listener('bench', port, [httpChain([answer], { http_filters: filters })])], []);
}

function policy(path: string) {
  const any = (...rules: readonly object[]): object => ({ or_rules: { rules } });
  return {
    permissions: [
      {
        and_rules: {
          rules: [
            any({ header: { name: ':method', string_match: { exact: 'GET' } } }, { header: { name: ':method', string_match: { exact: 'HEAD' } } }),
            any({ url_path: { path: { exact: path } } }, { url_path: { path: { prefix: `${path}/`.replace('//', '/') } } }),
          ],
        },
      },
    ],
    principals: [{ and_ids: { ids: [{ or_ids: { ids: [{ direct_remote_ip: { address_prefix: '127.0.0.0', prefix_len: 8 } }] } }] } }],
  };
}
