// How the proxy of a pod is started: what ProxyConfig resources say about it. In: a pod and the ProxyConfigs. Out: threads and variables.
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

type ProxyConfig = KindMap['ProxyConfig'];

export type ProxySettings = {
  /** Worker threads; 0 stands for all cores. The embedded proxy has one, whatever this says. */
  readonly concurrency: number;
  /** Variables of the proxy's process. */
  readonly environment: Readonly<Record<string, string>>;
};

const rootNamespace = 'istio-system';

/**
 * Those of the mesh (root namespace), then of the namespace, then of the workload: a later one overrides field by field, and variables one by one.
 * Among equals the first in the order of names counts. Source: Istio, ProxyConfig.
 */
export function proxySettings({ metadata: { namespace, labels } }: KindMap['Pod'], configs: Iterable<ProxyConfig>): ProxySettings {
  const sorted = [...configs].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const first = (wanted: string, selects: boolean): ProxyConfig | undefined =>
    sorted.find(({ metadata, spec: { selector } }) => {
      const asked = Object.entries(selector?.matchLabels ?? {});
      return metadata.namespace === wanted && asked.length > 0 === selects && asked.every(([name, value]) => labels[name] === value);
    });
  const levels = [first(rootNamespace, false), first(namespace, false), first(namespace, true)].flatMap((config) => config?.spec ?? []);
  return {
    concurrency: levels.reduce((found, { concurrency }) => concurrency ?? found, 1),
    environment: Object.assign({}, ...levels.map(({ environmentVariables }) => environmentVariables)) as Readonly<Record<string, string>>, // maps of texts, joined
  };
}

/** What of a ProxyConfig means something on a cluster only, or for Envoy only. */
export function proxyConfigDiagnostics(configs: Iterable<ProxyConfig>): readonly Diagnostic[] {
  return [...configs].flatMap(({ metadata, spec, origins }): readonly Diagnostic[] => {
    const about = (field: string, hint: string): Diagnostic => ({
      code: 'HDL0403',
      severity: 'info',
      message: `${field} of ProxyConfig ${metadata.namespace}/${metadata.name} has no effect here`,
      hint,
      at: origins.at(['spec', field]),
    });
    return [
      ...(spec.image === undefined ? [] : [about('image', 'a local proxy is a program of this machine, not an image')]),
      ...((spec.concurrency ?? 1) === 1 ? [] : [about('concurrency', 'it counts with --data-plane envoy; the embedded proxy has one thread')]),
    ];
  });
}
