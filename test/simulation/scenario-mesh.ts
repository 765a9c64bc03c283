// In: a scenario. Out: the mesh that its resources make, and the proxy that it is compiled for.
import { stringify } from 'yaml';
import { madeResource } from '#api/made-resource.ts';
import { readText } from '#api/read-text.ts';
import { CompileCache } from '#compile/compile-cache.ts';
import type { Compiled } from '#compile/compiled.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import type { GivenConfig, Scenario } from '#test/simulation/scenario.ts';
import { anyCredential } from '#test/support/any-credential.ts';

const defaultAddress = '1.1.1.1';

export type CompiledScenario = { readonly proxy: Proxy; readonly compiled: Compiled };

/** Resources that are refused are left out, as in any mesh. The data has no Secrets, as in Istio they come on their own. */
export function compileScenario(scenario: Scenario): CompiledScenario {
  const given = (scenario.configs ?? []).map((config) => stringify(asManifest(config)));
  const text = [scenario.config ?? '', scenario.kubeConfig ?? '', ...given].join('\n---\n');
  const resources = readText(scenario.test, text).items.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
  const mesh = buildMesh(nextSnapshot(undefined, [...meshConfig(scenario), ...resources], []));
  const proxy = proxyOf(scenario);
  return { proxy, compiled: new MeshCompiler(mesh, new CompileCache(), anyCredential).compile(proxy) };
}

function asManifest({ GroupVersionKind, Name, Namespace, Annotations, Spec }: GivenConfig): object {
  const [group, version, kind] = GroupVersionKind.split('/');
  return { apiVersion: `${group}/${version}`, kind, metadata: { name: Name, namespace: Namespace, annotations: Annotations }, spec: Spec };
}

function meshConfig({ meshConfig: settings }: Scenario): readonly ReturnType<typeof madeResource<'ConfigMap'>>[] {
  if (settings === undefined) return [];
  const origin = { file: 'meshConfig', line: 1, col: 1 };
  return [madeResource('ConfigMap', { name: 'istio', namespace: 'istio-system' }, { data: { mesh: stringify(settings) } }, origin)];
}

function proxyOf(scenario: Scenario): Proxy {
  // The data says null where nothing is given.
  const proxy = scenario.proxy ?? {};
  const type = proxy.type ?? 'sidecar';
  const namespace = proxy.metadata?.namespace ?? proxy.configNamespace ?? 'default';
  const addresses = proxy.ipAddresses ?? [defaultAddress];
  const dnsDomain = `${namespace}.svc.cluster.local`;
  return {
    type,
    name: 'app',
    namespace,
    nodeId: `${type}~${addresses[0] ?? defaultAddress}~app.${namespace}~${dnsDomain}`,
    addresses,
    labels: proxy.labels ?? proxy.metadata?.labels ?? {},
    dnsDomain,
    interception: { kind: 'redirect' },
    ...(proxy.metadata?.DNSCapture === true && { capturesDns: true }),
    explainFailures: false,
  };
}
