// examples/traffic/egress: a program outside the mesh, known by a ServiceEntry, called through an egress gateway; and the other ways in which a
// ServiceEntry or an ExternalName Service leads a local app somewhere.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type DataPlane, example, onBothDataPlanes, startUp, type Up } from '#test/scenario/up.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const host = 'shop.example.com';

/** The program outside, on a port of its own: says what it was asked for, under which name, and through which gateway. */
async function startOutside(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((request, response) => {
    response.end(`${request.url} for ${request.headers.host}, through ${String(request.headers['x-left-through'] ?? 'no gateway')}\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has such an address.
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port, [Symbol.asyncDispose]: close };
}

/** The example's app, and these files beside it. */
async function startShop(dataPlane: DataPlane, files: Readonly<Record<string, string>>): Promise<Up> {
  const folder = example('traffic/egress');
  const images = (await readFile(`${folder}/heddle.yaml`, 'utf8')).replaceAll('shop.ts', `${folder}/shop.ts`);
  return startUp(dataPlane, { files: { 'shop.yaml': await readFile(`${folder}/shop.yaml`, 'utf8'), 'heddle.yaml': images, ...files } });
}

onBothDataPlanes(
  'egress: a registered host by its name and by an alias, through the egress gateway and without, and no other host',
  async (dataPlane) => {
    await using outside = await startOutside();
    const folder = example('traffic/egress');
    const outsideYaml = (await readFile(`${folder}/outside.yaml`, 'utf8')).replace('9901', String(outside.port));
    const gatewayYaml = await readFile(`${folder}/egress-gateway.yaml`, 'utf8');
    await using up = await startShop(dataPlane, { 'outside.yaml': outsideYaml, 'egress-gateway.yaml': gatewayYaml });
    const call = async (path: string): Promise<string> => (await up.call(host, `/call/${path}`)).body;
    assert.equal(await call('payments.example.com/invoices'), '/invoices for payments.example.com, through istio-egressgateway\n');
    assert.equal(await call('billing/invoices'), '/invoices for payments.example.com, through istio-egressgateway\n');
    assert.equal((await up.call(host, '/call/other.example.com/')).status, 502);
    const findings = up.events().flatMap(({ diagnostics = [] }) => diagnostics);
    assert.deepEqual(findings, [], 'the example is without a flaw');
    await up.folder.write('mesh/egress-gateway.yaml', '');
    await waitUntil('the gateway is no longer passed', async () => (await call('billing/')) === '/ for billing, through no gateway\n');
  },
);

const http = (port: number): string => `ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${port} }]`;

function entry(name: string, spec: string): string {
  return `---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: ${name} }\nspec: { hosts: [${name}.example.com], ${spec} }\n`;
}

onBothDataPlanes('egress: names that DNS knows, workloads that are selected, and an alias of a host outside', async (dataPlane) => {
  await using outside = await startOutside();
  const { port } = outside;
  const entries = [
    entry('named', `resolution: DNS, ${http(port)}, endpoints: [{ address: localhost }]`),
    entry('pods', `resolution: STATIC, location: MESH_INTERNAL, ${http(8080)}, workloadSelector: { labels: { app: shop } }`),
    entry('machines', `resolution: STATIC, location: MESH_INTERNAL, ${http(80)}, workloadSelector: { labels: { app: machine } }`),
    `---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: { name: m, labels: { app: machine } }\nspec: { address: 127.0.0.1, ports: { http: ${port} } }\n`,
    `---\napiVersion: v1\nkind: Service\nmetadata: { name: machines }\nspec: { selector: { app: machine }, ports: [{ name: http, port: 80, targetPort: ${port} }] }\n`,
    `---\napiVersion: v1\nkind: Service\nmetadata: { name: far }\nspec: { type: ExternalName, externalName: localhost, ports: [{ name: http, port: 80, targetPort: ${port} }] }\n`,
  ];
  await using up = await startShop(dataPlane, { 'entries.yaml': entries.join('') });
  const call = async (path: string): Promise<string> => (await up.call(host, `/call/${path}`)).body;
  assert.equal(await call('named.example.com/a'), '/a for named.example.com, through no gateway\n');
  assert.equal(await call('pods.example.com/b'), 'shop\n');
  assert.equal(await call('machines.example.com/c'), '/c for machines.example.com, through no gateway\n');
  assert.equal(await call('machines/d'), '/d for machines, through no gateway\n');
  assert.equal(await call('far/e'), '/e for far, through no gateway\n');
  // Written later: the running app reaches it through its sidecar's HTTP proxy.
  await up.folder.write('mesh/later.yaml', entry('later', `resolution: STATIC, ${http(port)}, endpoints: [{ address: 127.0.0.1 }]`));
  await waitUntil('the new host is known', async () => (await call('later.example.com/f')) === '/f for later.example.com, through no gateway\n');
});
