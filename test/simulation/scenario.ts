// In: simulation.jsonl of Istio's own cases. Out: its scenarios as values, with the defaults that its README names filled in.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type ScenarioCall = {
  readonly name: string;
  readonly call: {
    readonly address?: string;
    readonly port: number;
    readonly path?: string;
    readonly protocol?: 'http' | 'http2' | 'tcp';
    readonly tls?: 'plaintext' | 'tls' | 'mtls';
    readonly host?: string;
    readonly sni?: string;
    readonly alpn?: string;
    readonly callMode?: 'gateway' | 'outbound' | 'inbound';
  };
  readonly expect: ExpectedCall;
};

export type ExpectedCall = {
  readonly listener?: string;
  readonly filterChain?: string;
  readonly routeConfig?: string;
  readonly virtualHost?: string;
  readonly route?: string;
  readonly cluster?: string;
  readonly error?: string;
  /** Also what is not named must be absent. */
  readonly strict?: boolean;
};

/** An object of the data that is not YAML: Istio's own, with annotations that it makes while converting other kinds. */
export type GivenConfig = {
  readonly GroupVersionKind: string;
  readonly Name: string;
  readonly Namespace: string;
  readonly Annotations?: Readonly<Record<string, string>>;
  readonly Spec: unknown;
};

type GivenProxy = {
  readonly type?: 'sidecar' | 'router';
  readonly ipAddresses?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly metadata?: { readonly namespace?: string; readonly labels?: Readonly<Record<string, string>>; readonly DNSCapture?: boolean };
  readonly configNamespace?: string;
};

type Common = {
  readonly test: string;
  readonly config?: string;
  readonly kubeConfig?: string;
  readonly configs?: readonly GivenConfig[];
  readonly meshConfig?: Readonly<Record<string, unknown>>;
  readonly features?: Readonly<Record<string, unknown>>;
  readonly proxy?: GivenProxy;
};

export type Scenario = Common &
  (
    | { readonly kind: 'simulation'; readonly calls: readonly ScenarioCall[] }
    /** Virtual host → clusters, one per destination; null: no such virtual host. */
    | { readonly kind: 'sidecarRoutes'; readonly routeName: string; readonly expect: Readonly<Record<string, readonly string[] | null>> | null }
  );

const file = join(import.meta.dirname, '../../../shared/istio-cases/simulation.jsonl');

/** Undefined where the data is not at hand. Names that come twice are numbered. */
export function readScenarios(): readonly Scenario[] | undefined {
  if (!existsSync(file)) return undefined;
  const seen = new Map<string, number>();
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const scenario = JSON.parse(line) as Scenario; // data of a known form; a slip shows as a failing scenario
      const count = (seen.get(scenario.test) ?? 0) + 1;
      seen.set(scenario.test, count);
      return count === 1 ? scenario : { ...scenario, test: `${scenario.test} (${count})` };
    });
}
