// What testssl.sh (Debian: testssl.sh) finds at the ports with TLS: a gateway with a certificate from a Secret, a sidecar that takes mutual TLS only, and
// the control plane's own port. Nothing above LOW but what is listed here, each with its reason.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { findProgram } from '#bench/programs.ts';
import { startStory } from '#test/ca/story.ts';
import { type DataPlane, example, startUp } from '#test/scenario/up.ts';
import { startAuthority } from '#test/support/certificates.ts';
import { findEnvoy } from '#test/support/envoy.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const program = findProgram('testssl') ?? findProgram('testssl.sh');
const noProgram = program === undefined ? 'needs testssl.sh (Debian: apt-get install testssl.sh)' : false;
const noEnvoy = findEnvoy() === undefined ? 'needs Envoy' : false;

/** Of its JSON. */
type Finding = { readonly id: string; readonly severity: string; readonly finding: string };

/** Protocols, ciphers, forward secrecy, the server's preference, its certificate, the known attacks. */
const all = ['-p', '-s', '-f', '-P', '-S', '-U'];
const brief = ['-p', '-s', '-f', '-S'];

/** What it dislikes and what is meant so. */
const meant: Readonly<Record<string, string>> = {
  cert_chain_of_trust: 'the root is the mesh’s own, and in no browser',
  cert_expirationStatus: 'certificates live for a day and are renewed after half of it',
  cert_notAfter: 'likewise',
  cert_revocation: 'what lives for a day is not revoked, but not renewed; an authority that is plugged in may have a list (ca-crl.pem)',
  cert_trust: 'a workload is its SPIFFE name, and has none of DNS',
  cert_subjectAltName: 'likewise',
};

async function scan(port: number, groups: readonly string[]): Promise<readonly Finding[]> {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'found.json');
  const options = ['--quiet', '--color', '0', '--warnings', 'batch', '--jsonfile', file, ...groups];
  // Its exit code counts what it found.
  await promisify(execFile)(program ?? '', [...options, `127.0.0.1:${port}`], { maxBuffer: 2 ** 26 }).catch(() => undefined);
  const text = await readFile(file, 'utf8');
  return (text.match(/\{[^{}]*\}/g) ?? []).map((part) => JSON.parse(part) as Finding);
}

function judge(what: string, found: readonly Finding[]): void {
  const said = new Map(found.map(({ id, finding }) => [id, finding]));
  // It has been there, and seen TLS: a scan of nothing finds nothing.
  assert.match(said.get('TLS1_2') ?? '', /^offered/, `${what}: ${JSON.stringify(found)}`);
  assert.match(said.get('TLS1_3') ?? '', /^offered/, what);
  assert.match(said.get('TLS1_1') ?? '', /^not offered/, what);
  // WARN is no finding: it could not look, which on a busy machine may be.
  const bad = found.filter(
    ({ id, severity }) => ['MEDIUM', 'HIGH', 'CRITICAL', 'FATAL'].includes(severity) && meant[id.replace(/ <.*/, '')] === undefined,
  );
  assert.deepEqual(bad, [], what);
}

const mesh = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: istio-system }
spec:
  selector: { istio: ingressgateway }
  servers:
    - { port: { number: 443, name: https, protocol: HTTPS }, hosts: ['*'], tls: { mode: SIMPLE, credentialName: edge } }
`;

async function scanMesh(dataPlane: DataPlane, groups: readonly string[]): Promise<void> {
  await using authority = await startAuthority();
  const { certificate, key } = await authority.issue('edge', ['IP:127.0.0.1', 'DNS:localhost']);
  const stringData = { 'tls.crt': certificate, 'tls.key': key };
  const secret = JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'edge', namespace: 'istio-system' }, stringData });
  const [hello, images] = await Promise.all(['hello.yaml', 'heddle.yaml'].map((name) => readFile(`${example('hello')}/${name}`, 'utf8')));
  const own = (images ?? '').replaceAll('server.ts', `${example('hello')}/server.ts`);
  await using up = await startUp(dataPlane, { files: { 'mesh.yaml': mesh, 'edge.yaml': secret, 'hello.yaml': hello ?? '', 'heddle.yaml': own } });
  const { gatewayPorts = [], workloads } = await up.state();
  const gateway = Number(
    gatewayPorts
      .find(({ port }) => port === 443)
      ?.address.split(':')
      .at(-1),
  );
  const sidecar = Object.values(workloads.find(({ name }) => name.startsWith('hello'))?.ports ?? {})[0]?.listen ?? 0;
  const [atGateway, atSidecar] = await Promise.all([scan(gateway, groups), scan(sidecar, brief)]);
  judge('gateway', atGateway);
  judge('sidecar', atSidecar);
}

test('testssl.sh finds nothing above LOW at a gateway and a sidecar: embedded', { skip: noProgram }, () => scanMesh('embedded', all));

test('testssl.sh finds nothing above LOW at a gateway and a sidecar: Envoy', { skip: noProgram || noEnvoy }, () => scanMesh('envoy', brief));

test('testssl.sh finds nothing above LOW at the control plane', { skip: noProgram }, async () => {
  await using story = await startStory();
  judge('control plane', await scan(story.port(), brief));
});
