// `heddle up` with identities: what is STRICT is reached by mutual TLS alone, each proxy has a certificate of its own, and what proves who a proxy is
// shows in no process, no log and no state, and is gone at the end.
import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { example, isAlive, onBothDataPlanes, startUp, type Up } from '#test/scenario/up.ts';
import { httpCall } from '#test/support/http-call.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const host = 'hello.example.com';
const strict = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: default
  namespace: istio-system
spec:
  mtls:
    mode: STRICT
`;

async function strictHello(): Promise<Readonly<Record<string, string>>> {
  const names = ['hello.yaml', 'routing.yaml', 'heddle.yaml', 'server.ts'];
  const texts = await Promise.all(names.map((name) => readFile(`${example('hello')}/${name}`, 'utf8')));
  return { ...Object.fromEntries(names.map((name, index) => [name, texts[index] ?? ''])), 'strict.yaml': strict };
}

type Workload = { readonly name: string; readonly address: string; readonly proxyAdmin: string };
type Certificates = {
  readonly certificates: readonly { readonly cert_chain: readonly { readonly subject_alt_names: readonly { readonly uri: string }[] }[] }[];
};

async function workload(up: Up, name: string): Promise<Workload | undefined> {
  const state = JSON.parse(await readFile(`${up.folder.path}/state/state.json`, 'utf8')) as { readonly workloads: readonly Workload[] }; // what `up` writes
  return state.workloads.find((one) => one.name === name);
}

/** Whom the certificate of a pod's proxy names. */
async function identityOf(up: Up, name: string): Promise<string | undefined> {
  const [, port = ''] = (await workload(up, name))?.proxyAdmin.split(':') ?? [];
  const { certificates } = JSON.parse((await httpCall({ port: Number(port), path: '/certs' })).body) as Certificates; // Envoy's own format
  return certificates[0]?.cert_chain[0]?.subject_alt_names[0]?.uri;
}

onBothDataPlanes('a STRICT mesh is reached through its proxies, by certificates of its own, and not in the clear', async (dataPlane) => {
  await using up = await startUp(dataPlane, { files: await strictHello() });
  for (let call = 0; call < 20; call++) assert.equal((await up.call(host)).status, 200);
  const [, port = ''] = (await workload(up, 'hello-v1'))?.address.split(':') ?? [];
  await assert.rejects(httpCall({ port: Number(port), path: '/', headers: { host } }), 'plaintext to a STRICT port');
  assert.equal(await identityOf(up, 'hello-v1'), 'spiffe://cluster.local/ns/default/sa/default');
});

onBothDataPlanes('another trust domain is another identity: pods are replaced by such as have it', async (dataPlane) => {
  await using up = await startUp(dataPlane, { files: await strictHello() });
  const meshConfig = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio', namespace: 'istio-system' },
    data: { mesh: 'trustDomain: shop.example' },
  };
  await up.folder.write('mesh/config.yaml', JSON.stringify(meshConfig));
  const isNew = async (): Promise<boolean> => (await identityOf(up, 'hello-v1').catch(() => '')) === 'spiffe://shop.example/ns/default/sa/default';
  await waitUntil('the new identity', isNew, { timeoutMs: 20_000 });
  // The gateway is replaced too, and has another port where none was asked for.
  const call = async (): Promise<number> => {
    const { port } = new URL((await up.state()).gatewayUrl);
    return (await httpCall({ port: Number(port), headers: { host } }).catch(() => ({ status: 0 }))).status;
  };
  await waitUntil('answers in the new trust domain', async () => (await call()) === 200, { timeoutMs: 20_000 });
});

onBothDataPlanes(
  'tokens and keys are in files for the user alone, in no process, no log and no state, and tokens go with the mesh',
  async (dataPlane) => {
    const up = await startUp(dataPlane, { files: await strictHello() });
    try {
      const state = `${up.folder.path}/state`;
      const secrets: string[] = [];
      for (const folder of ['identities', 'ca']) {
        assert.equal((await stat(`${state}/${folder}`)).mode & 0o777, 0o700, folder);
        for (const name of await readdir(`${state}/${folder}`)) {
          if (!/token$|key\.pem$/.test(name)) continue;
          assert.equal((await stat(`${state}/${folder}/${name}`)).mode & 0o777, 0o600, name);
          const text = await readFile(`${state}/${folder}/${name}`, 'utf8');
          secrets.push(text.split('\n').find((line) => line.length > 40 && !line.startsWith('-----')) ?? text);
        }
      }
      assert.equal(secrets.length, 5, 'three tokens, the key of the authority and that of the tokens');
      const { processes } = await up.state();
      const texts = await Promise.all([
        readFile(`${state}/state.json`, 'utf8'),
        ...(await readdir(`${state}/logs`)).map((name) => readFile(`${state}/logs/${name}`, 'utf8')),
        ...processes
          .filter(({ pid }) => isAlive(pid))
          .flatMap(({ pid }) => [readFile(`/proc/${pid}/cmdline`, 'utf8'), readFile(`/proc/${pid}/environ`, 'utf8')]),
      ]);
      assert.ok(texts.length > 10);
      for (const text of [...texts, up.process.output()]) for (const secret of secrets) assert.ok(!text.includes(secret));
      up.process.signal('SIGINT');
      await up.process.exited;
      assert.deepEqual(
        (await readdir(state)).filter((name) => name === 'identities'),
        [],
      );
    } finally {
      await up[Symbol.asyncDispose]();
    }
  },
);
