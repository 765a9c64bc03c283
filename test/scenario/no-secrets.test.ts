// A mesh with identities and a gateway that ends TLS, with everything logged: no key and no token is found in its state, its logs, the pages of its
// admin servers, or the environment and command line of its processes; and the files that hold them are their owner's alone.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { onBothDataPlanes, startUp, type Up } from '#test/scenario/up.ts';
import { startAuthority } from '#test/support/certificates.ts';
import { httpCall } from '#test/support/http-call.ts';

const files = (certificate: string, key: string) => ({
  'heddle.yaml': 'images: { "shop:1": { command: [node, server.js] } }\n',
  'server.js': `require('node:http').createServer((_, answer) => answer.end('sold')).listen(process.env.PORT, '127.0.0.1');\n`,
  'secret.yaml': `apiVersion: v1
kind: Secret
metadata: { name: edge, namespace: istio-system }
type: kubernetes.io/tls
stringData: ${JSON.stringify({ 'tls.crt': certificate, 'tls.key': key })}
`,
  'mesh.yaml': `apiVersion: v1
kind: Pod
metadata: { name: shop, labels: { app: shop } }
spec: { containers: [{ name: shop, image: 'shop:1', ports: [{ containerPort: 8080 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: shop }
spec: { selector: { app: shop }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: istio-system }
spec:
  selector: { istio: ingressgateway }
  servers:
    - { port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }
    - { port: { number: 443, name: https, protocol: HTTPS }, hosts: [shop.example.com], tls: { mode: SIMPLE, credentialName: edge } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop }
spec:
  hosts: ['*']
  gateways: [istio-system/edge]
  http: [{ route: [{ destination: { host: shop } }] }]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: strict, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
`,
});

onBothDataPlanes('secrets: none is shown, logged or passed on, and their files are the owner’s alone', async (dataPlane) => {
  await using authority = await startAuthority();
  const leaf = await authority.issue('edge', ['DNS:shop.example.com']);
  await using up = await startUp(dataPlane, { files: files(leaf.certificate, leaf.key), logLevel: 'debug' });
  assert.equal((await up.call('shop.example.com')).body, 'sold', 'by mutual TLS behind the gateway');
  const state = join(up.folder.path, 'state');
  const secrets = new Map([['key of the gateway', linesOf(leaf.key)]]);
  for (const file of filesBelow(state).filter((one) => /\/(?:ca|identities)\//.test(one))) {
    const text = readFileSync(file, 'utf8');
    const isSecret = file.endsWith('.token') || text.includes('PRIVATE KEY');
    if (isSecret) secrets.set(file, linesOf(text));
    if (isSecret) assert.equal(statSync(file).mode & 0o077, 0, `${file} can be read by others`);
  }
  assert.ok(secrets.size > 3, `tokens and keys were found: ${[...secrets.keys()].join(', ')}`);
  for (const [where, text] of await shownBy(up, state)) {
    for (const [secret, lines] of secrets) for (const line of lines) assert.ok(!text.includes(line), `${where} shows ${secret}`);
  }
});

/** Long lines only: those that cannot be anything else. */
function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.length >= 24 && !line.startsWith('-----'));
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );
}

const pages: readonly string[] = ['/config_dump', '/clusters', '/listeners', '/server_info', '/stats', '/certs'];

/** By a name for people. */
async function shownBy(up: Up, state: string): Promise<ReadonlyMap<string, string>> {
  const shown = new Map<string, string>([['what the command prints', up.process.output()]]);
  for (const file of filesBelow(state)) if (!/\/(?:ca|identities)\//.test(file)) shown.set(file, readFileSync(file, 'utf8'));
  const { adminUrl, workloads, processes } = await up.state();
  const adminPort = Number(new URL(adminUrl).port);
  const names = workloads.map(({ name, namespace }) => `${name}.${namespace}`);
  for (const path of ['/', '/status', '/proxies', '/diagnostics', '/debug/syncz', ...names.map((name) => `/config_dump?proxy=${name}`)]) {
    shown.set(`admin ${path}`, (await httpCall({ port: adminPort, path })).body);
  }
  for (const { name, proxyAdmin } of workloads) {
    const port = Number(proxyAdmin?.split(':').at(-1));
    for (const path of pages) shown.set(`${name} ${path}`, (await httpCall({ port, path })).body);
  }
  if (process.platform === 'linux') {
    for (const { pid, name } of processes) {
      shown.set(`environment of ${name}`, readFileSync(`/proc/${pid}/environ`, 'utf8'));
      shown.set(`command line of ${name}`, readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    }
  }
  return shown;
}
