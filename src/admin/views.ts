// What the admin API shows, as plain values; app/ makes them. Nothing in here can change anything.
import type { NameQuestion, NameReport } from '#admin/client/name-view.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Result } from '#base/result.ts';

/** One resource type of one proxy. Times are ISO 8601. */
export type TypeView = {
  /** `Cluster`, `Listener`, … */
  readonly type: string;
  readonly state: 'synced' | 'pending' | 'rejected';
  readonly resources: number;
  readonly sentVersion?: string;
  readonly sentAt?: string;
  readonly ackedVersion?: string;
  readonly ackedAt?: string;
  readonly pushes: number;
  readonly nacks: number;
  /** The last refusal, also when it is mended; `state` says whether it stands. */
  readonly lastNack?: { readonly version: string; readonly at: string; readonly reason: string; readonly resources: readonly string[] };
};

export type ProxyView = {
  /** `hello-v1-0.default`. */
  readonly name: string;
  readonly nodeId: string;
  readonly mode: 'sotw' | 'delta';
  readonly connected: boolean;
  readonly connectedAt: string;
  readonly disconnectedAt?: string;
  /** All types synced; the worst of them otherwise. */
  readonly state: 'synced' | 'pending' | 'rejected';
  readonly types: readonly TypeView[];
};

export type WorkloadView = {
  readonly name: string;
  readonly namespace: string;
  readonly ready: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly address: string;
};

export type StatusView = {
  readonly services: number;
  readonly gateways: number;
  readonly virtualServices: number;
  readonly destinationRules: number;
  readonly workloads: readonly WorkloadView[];
  readonly proxies: readonly ProxyView[];
  readonly diagnostics: readonly Diagnostic[];
};

/** A policy of security, and who enforces it. */
export type PolicyView = {
  readonly kind: 'PeerAuthentication' | 'RequestAuthentication' | 'AuthorizationPolicy';
  /** `namespace/name`. */
  readonly policy: string;
  /** `file:line:col`. */
  readonly at: string;
  readonly action?: string;
  /** Those that it is for. `synced`: the proxy has taken what was made of it, and enforces it. */
  readonly proxies: readonly { readonly name: string; readonly state: ProxyView['state'] | 'not connected' }[];
  /** Workloads that it is for and that have no proxy: nobody enforces it there. */
  readonly withoutProxy: readonly string[];
};

/** Everything the admin API asks for. Each call gives the state of that moment. */
export type AdminViews = {
  readonly status: () => StatusView;
  readonly proxies: () => readonly ProxyView[];
  readonly diagnostics: () => readonly Diagnostic[];
  /** Of the control plane itself, in Prometheus' text format. */
  readonly metrics: () => string;
  readonly policies: () => readonly PolicyView[];
  /** What a name comes to for an app; the error is a sentence. */
  readonly names: (question: NameQuestion) => Result<NameReport, string>;
  /** Envoy's config_dump for a proxy, by node id or `name.namespace`; undefined for one that is not connected. */
  readonly configDump: (proxy: string) => unknown;
};
