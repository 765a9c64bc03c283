// examples/traffic/egress: a program outside the mesh, known by a ServiceEntry, called through an egress gateway; and the other ways in which a
// ServiceEntry or an ExternalName Service leads an app somewhere.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inEachNetwork } from '#test/scenario/own-network.ts';
import { example, type StartMesh, type Up } from '#test/scenario/up.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const host = 'shop.example.com';
const folder = example('traffic/egress');

/** Files of the example, by their names. */
async function filesOf(...names: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const read = async (name: string): Promise<readonly [string, string]> => [name, await readFile(`${folder}/${name}`, 'utf8')];
  return Object.fromEntries(await Promise.all(names.map(read)));
}

/** These files, and what the example runs for their images. */
async function startShop(start: StartMesh, files: Readonly<Record<string, string>>): Promise<Up> {
  const images = (await readFile(`${folder}/heddle.yaml`, 'utf8')).replaceAll(/\w+\.ts/g, (program) => `${folder}/${program}`);
  return start({ files: { ...files, 'heddle.yaml': images } });
}

inEachNetwork('egress: a registered host by its name and by an alias, through the egress gateway and without, and no other host', async (start) => {
  await using up = await startShop(start, await filesOf('shop.yaml', 'payments.yaml', 'outside.yaml', 'egress-gateway.yaml'));
  const call = async (path: string): Promise<string> => (await up.call(host, `/call/${path}`)).body;
  assert.equal(await call('payments.example.com/invoices'), 'payments: /invoices for payments.example.com, through istio-egressgateway\n');
  assert.equal(await call('billing/invoices'), 'payments: /invoices for payments.example.com, through istio-egressgateway\n');
  assert.equal((await up.call(host, '/call/other.example.com/')).status, 502);
  const findings = up.events().flatMap(({ diagnostics = [] }) => diagnostics);
  assert.deepEqual(findings, [], 'the example is without a flaw');
  await up.folder.write('mesh/egress-gateway.yaml', '');
  await waitUntil('the gateway is no longer passed', async () => (await call('billing/')) === 'payments: / for billing, through no gateway\n');
});

/** A program outside, where sidecars reach it. */
type Outside = AsyncDisposable & {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly files: Readonly<Record<string, string>>;
};

/** On this machine, where the mesh shares its localhost. */
async function onThisMachine(): Promise<Outside> {
  const server = createServer((request, response) => {
    response.end(`payments: ${request.url} for ${request.headers.host}, through ${String(request.headers['x-left-through'] ?? 'no gateway')}\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has such an address.
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { name: 'localhost', address: '127.0.0.1', port, files: {}, [Symbol.asyncDispose]: close };
}

/** That of the example, as a Service with a name and an address. */
async function asService(): Promise<Outside> {
  const address = '198.19.77.7';
  const service = `apiVersion: v1\nkind: Service\nmetadata: { name: outside, namespace: elsewhere }\nspec: { clusterIP: ${address}, selector: { app: payments }, ports: [{ name: http, port: 80, targetPort: 9901 }] }\n`;
  const pod = (await readFile(`${folder}/payments.yaml`, 'utf8')).replace('name: payments', 'name: payments\n  namespace: elsewhere');
  const files = { 'service.yaml': service, 'payments.yaml': pod };
  return { name: 'outside.elsewhere.svc.cluster.local', address, port: 80, files, [Symbol.asyncDispose]: async () => {} };
}

const http = (port: number): string => `ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${port} }]`;

function entry(name: string, spec: string): string {
  return `---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: ${name} }\nspec: { hosts: [${name}.example.com], ${spec} }\n`;
}

inEachNetwork('egress: names that DNS knows, workloads that are selected, and an alias of a host outside', async (start, _, network) => {
  await using outside = network === 'netns' ? await asService() : await onThisMachine();
  const { name, address, port } = outside;
  const entries = [
    entry('named', `resolution: DNS, ${http(port)}, endpoints: [{ address: ${name} }]`),
    entry('pods', `resolution: STATIC, location: MESH_INTERNAL, ${http(8080)}, workloadSelector: { labels: { app: shop } }`),
    entry('machines', `resolution: STATIC, location: MESH_INTERNAL, ${http(80)}, workloadSelector: { labels: { app: machine } }`),
    `---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: { name: m, labels: { app: machine } }\nspec: { address: ${address}, ports: { http: ${port} } }\n`,
    `---\napiVersion: v1\nkind: Service\nmetadata: { name: machines }\nspec: { selector: { app: machine }, ports: [{ name: http, port: 80, targetPort: ${port} }] }\n`,
    `---\napiVersion: v1\nkind: Service\nmetadata: { name: far }\nspec: { type: ExternalName, externalName: ${name}, ports: [{ name: http, port: 80, targetPort: ${port} }] }\n`,
  ];
  await using up = await startShop(start, { ...(await filesOf('shop.yaml')), ...outside.files, 'entries.yaml': entries.join('') });
  const call = async (path: string): Promise<string> => (await up.call(host, `/call/${path}`)).body;
  assert.equal(await call('named.example.com/a'), 'payments: /a for named.example.com, through no gateway\n');
  assert.equal(await call('pods.example.com/b'), 'shop\n');
  assert.equal(await call('machines.example.com/c'), 'payments: /c for machines.example.com, through no gateway\n');
  assert.equal(await call('machines/d'), 'payments: /d for machines, through no gateway\n');
  assert.equal(await call('far/e'), 'payments: /e for far, through no gateway\n');
  // Written later: the running app reaches it too, in loopback mode through its sidecar's HTTP proxy.
  await up.folder.write('mesh/later.yaml', entry('later', `resolution: STATIC, ${http(port)}, endpoints: [{ address: ${address} }]`));
  await waitUntil(
    'the new host is known',
    async () => (await call('later.example.com/f')) === 'payments: /f for later.example.com, through no gateway\n',
  );
});
