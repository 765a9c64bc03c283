// A golden case: a folder test/golden/<area>/<case> whose in.yaml is a mesh, with options in a first document `kind: GoldenOptions`.
// Out: the mesh, and for each proxy asked for what it is told. Shared by the goldens, the table of calls, and the checks with a real Envoy.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { readText } from '#api/read-text.ts';
import type { ShownType } from '#app/dump.ts';
import { missingGateway } from '#app/up/gateway.ts';
import { compareDiagnostics, type Diagnostic } from '#base/diagnostic.ts';
import type { Compiled } from '#compile/compiled.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Interception, Proxy } from '#model/proxy.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import { type CaseCertificates, type CertificateWishes, withCertificates } from '#test/support/case-certificates.ts';

export type InterceptionMode = Interception['kind'];

export type GoldenOptions = {
  /** `name.namespace` of pods; all of them unless given. */
  readonly proxies?: readonly string[];
  /** `redirect` unless given. */
  readonly interception?: readonly InterceptionMode[];
  /** Which resource types xds.yaml shows; all unless given. */
  readonly show?: readonly ShownType[];
  readonly explainFailures?: boolean;
  /** The proxies say that DNS questions of their apps come to them. */
  readonly capturesDns?: boolean;
  /** `none`: the proxies have no certificate of the mesh. */
  readonly identity?: 'none';
  /** The loggers of metrics are in listeners; left out otherwise, since each manager has the same. */
  readonly metrics?: boolean;
  /** Certificates that in.yaml has places for, by name. */
  readonly certificates?: CertificateWishes;
};

export type GoldenCase = { readonly area: string; readonly name: string; readonly folder: string };

export type CompiledProxy = { readonly title: string; readonly mode: InterceptionMode; readonly proxy: Proxy; readonly compiled: Compiled };

export type CompiledCase = {
  readonly options: GoldenOptions;
  /** Undefined where the options name none. */
  readonly certificates: CaseCertificates | undefined;
  readonly mesh: Mesh;
  readonly proxies: readonly CompiledProxy[];
  /** Of reading, of the mesh, and of each proxy without repeats, sorted. */
  readonly diagnostics: readonly Diagnostic[];
};

const root = fileURLToPath(new URL('../golden', import.meta.url));

/** All cases, sorted by area and name. */
export function goldenCases(): readonly GoldenCase[] {
  return foldersOf(root).flatMap((area) =>
    foldersOf(join(root, area))
      .filter((name) => existsSync(join(root, area, name, 'in.yaml')))
      .map((name) => ({ area, name, folder: join(root, area, name) })),
  );
}

/** Reads, builds and compiles one case. Where a Gateway selects an ingress gateway that is not there it is added, as `heddle up` does. */
export function compileCase({ folder }: GoldenCase): CompiledCase {
  const { options, text: written } = splitOptions(readFileSync(join(folder, 'in.yaml'), 'utf8'));
  const wishes = options.certificates;
  const { text, certificates } = wishes === undefined ? { text: written, certificates: undefined } : withCertificates(written, wishes);
  const reading = readText('in.yaml', text);
  const resources = reading.items.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
  const before = nextSnapshot(undefined, resources, []);
  const mesh = withoutMetrics(buildMesh(nextSnapshot(undefined, [...resources, ...missingGateway(before.resources)], [])), options);
  const compiler = new MeshCompiler(mesh);
  const proxies = proxiesOf(mesh, options).map(({ proxy, mode }) => ({
    title: `${proxy.name}.${proxy.namespace} (${proxy.type}, ${mode})`,
    mode,
    proxy,
    compiled: compiler.compile(proxy),
  }));
  const found = [...reading.syntaxErrors, ...reading.items.flatMap((item) => item.diagnostics), ...mesh.diagnostics];
  const ofProxies = new Map(proxies.flatMap(({ compiled }) => compiled.diagnostics.map((diagnostic) => [JSON.stringify(diagnostic), diagnostic])));
  return { options, certificates, mesh, proxies, diagnostics: [...found, ...ofProxies.values()].sort(compareDiagnostics) };
}

function withoutMetrics(mesh: Mesh, { metrics = false }: GoldenOptions): Mesh {
  const { metrics: plan, ...settings } = mesh.settings;
  return metrics || plan === undefined ? mesh : { ...mesh, settings };
}

function proxiesOf(mesh: Mesh, options: GoldenOptions): readonly { readonly proxy: Proxy; readonly mode: InterceptionMode }[] {
  const names = options.proxies ?? [...mesh.workloads.values()].map(({ name, namespace }) => `${name}.${namespace}`).sort();
  return names.flatMap((name) =>
    (options.interception ?? ['redirect']).map((mode) => {
      const dot = name.lastIndexOf('.');
      const workload = mesh.workloads.get(`${name.slice(dot + 1)}/${name.slice(0, dot)}`);
      if (workload === undefined) throw new Error(`GoldenOptions names the proxy ${name}, but there is no such pod`);
      const redirected = proxyForWorkload(mesh, workload, { kind: 'redirect' });
      const proxy = { ...redirected, interception: mode === 'none' ? loopback(mesh, redirected) : { kind: mode } };
      return {
        proxy: {
          ...proxy,
          explainFailures: options.explainFailures ?? false,
          ...(options.identity === 'none' && { withoutIdentity: true }),
          ...(options.capturesDns === true && { capturesDns: true }),
        },
        mode,
      };
    }),
  );
}

/** Ports as `heddle up` would give them, only always the same: inbound from 20000, apps from 21000, outbound from 22000. */
function loopback(mesh: Mesh, proxy: Proxy): Interception {
  const own = mesh.workloads.get(`${proxy.namespace}/${proxy.name}`)?.ports ?? [];
  const sidecar = proxy.type === 'sidecar';
  const inbound: Record<string, { readonly listen: number; readonly app?: number }> = {};
  for (const [index, { number }] of own.entries()) inbound[number] = { listen: 20_000 + index, ...(sidecar && { app: 21_000 + index }) };
  if (!sidecar) return { kind: 'none', address: '127.0.0.1', inbound, outbound: {} };
  const services = [...mesh.services.values()].sort((a, b) => (a.hostname < b.hostname ? -1 : 1));
  const outbound: Record<string, number> = {};
  for (const [index, key] of services.flatMap(({ hostname, ports }) => ports.map(({ number }) => `${hostname}:${number}`)).entries())
    outbound[key] = 22_000 + index;
  return { kind: 'none', address: '127.0.0.1', inbound, outbound, httpProxy: 15_002 };
}

/** The options are blanked out, not cut out, so that lines keep their numbers. */
function splitOptions(text: string): { readonly options: GoldenOptions; readonly text: string } {
  const end = text.search(/^---\s*$/m);
  const first = end < 0 ? '' : text.slice(0, end);
  if (!/^kind: GoldenOptions$/m.test(first)) return { options: {}, text };
  // Written by us, beside this file; a slip shows as a failing golden.
  const { kind: _kind, ...options } = parse(first) as { readonly kind: string } & GoldenOptions;
  return { options, text: '\n'.repeat(first.split('\n').length - 1) + text.slice(end) };
}

function foldersOf(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}
