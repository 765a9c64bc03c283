// What the control plane tells Prometheus, under istiod's names: who is connected, what was pushed and refused, how long proxies take to take it, what the
// mesh holds, and which certificates were asked for. In: the ledger of pushes, the mesh, and what the authority counts. Out: Prometheus' text.
import type { Clock } from '#base/clock.ts';
import type { CertificateCounts } from '#ca/server/certificate-service.ts';
import { type TypeUrl, typeUrls } from '#envoy/type-url.ts';
import type { Mesh } from '#model/mesh.ts';
import type { LedgerView, NodeSync, TypeSync } from '#xds/server/ledger.ts';

export type ControlPlaneMetricsOptions = {
  readonly ledger: LedgerView;
  readonly mesh: () => Mesh;
  readonly certificates: CertificateCounts;
  readonly clock: Clock;
  readonly version: string;
};

/** istiod's short names of the types. */
const kinds: ReadonlyMap<TypeUrl, string> = new Map([
  [typeUrls.cluster, 'cds'],
  [typeUrls.endpoint, 'eds'],
  [typeUrls.listener, 'lds'],
  [typeUrls.route, 'rds'],
]);

/** istiod's bounds of pilot_proxy_convergence_time, in seconds. */
const convergenceBounds: readonly number[] = [0.1, 0.5, 1, 3, 5, 10, 20, 30];

type Seen = { readonly pushes: number; readonly nacks: number; readonly ackedAtMs: number };

const nothing: Seen = { pushes: 0, nacks: 0, ackedAtMs: 0 };

export class ControlPlaneMetrics implements Disposable {
  readonly #options: ControlPlaneMetricsOptions;
  readonly #startMs: number;
  readonly #unfollow: () => void;
  /** By node and type: what was counted of it. Those of nodes that are forgotten go with them. */
  readonly #seen = new Map<string, Map<TypeUrl, Seen>>();
  readonly #pushes = new Map<string, number>([...kinds.values()].map((kind) => [kind, 0]));
  readonly #buckets = convergenceBounds.map(() => 0);
  #converged = 0;
  #convergenceSeconds = 0;
  #rejects = 0;

  constructor(options: ControlPlaneMetricsOptions) {
    this.#options = options;
    this.#startMs = options.clock.monotonicMs();
    this.#unfollow = options.ledger.onChange((node) => this.#count(node));
  }

  [Symbol.dispose](): void {
    this.#unfollow();
  }

  print(): string {
    const { ledger, mesh, certificates, clock, version } = this.#options;
    const { services, virtualServices } = mesh();
    const nodes = ledger.nodes();
    this.#forget(new Set(nodes.map(({ nodeId }) => nodeId)));
    const connected = nodes.filter((node) => node.connected);
    const standing = (typeUrl: TypeUrl): number => nodes.filter(({ types }) => types.get(typeUrl)?.state === 'rejected').length;
    return [
      metric('istio_build', 'gauge', [[`{component="pilot",tag="${version}"}`, 1]]),
      metric('istiod_uptime_seconds', 'gauge', [['', (clock.monotonicMs() - this.#startMs) / 1000]]),
      metric('pilot_xds', 'gauge', [[`{version="${version}"}`, connected.length]]),
      metric(
        'pilot_xds_pushes',
        'counter',
        [...this.#pushes].map(([kind, count]) => [`{type="${kind}"}`, count] as const),
      ),
      metric('pilot_total_xds_rejects', 'counter', [['', this.#rejects]]),
      ...[...kinds].map(([typeUrl, kind]) => metric(`pilot_xds_${kind}_reject`, 'gauge', [['', standing(typeUrl)]])),
      this.#convergence(),
      metric('pilot_services', 'gauge', [['', services.size]]),
      metric('pilot_virt_services', 'gauge', [['', virtualServices.length]]),
      metric('citadel_server_csr_count', 'counter', [['', certificates.asked]]),
      metric('citadel_server_success_cert_issuance_count', 'counter', [['', certificates.issued]]),
      metric('citadel_server_authentication_failure_count', 'counter', [['', certificates.unauthenticated]]),
      metric('citadel_server_csr_sign_err_count', 'counter', [['', certificates.refused]]),
    ].join('');
  }

  /** A node that connects anew has no types yet, and its own counts begin from nothing. */
  #count({ nodeId, types }: NodeSync): void {
    const ofNode = types.size === 0 ? new Map<TypeUrl, Seen>() : (this.#seen.get(nodeId) ?? new Map<TypeUrl, Seen>());
    this.#seen.set(nodeId, ofNode);
    for (const [typeUrl, type] of types) {
      const before = ofNode.get(typeUrl) ?? nothing;
      ofNode.set(typeUrl, { pushes: type.pushes, nacks: type.nacks, ackedAtMs: type.acked?.atMs ?? before.ackedAtMs });
      const kind = kinds.get(typeUrl);
      if (kind !== undefined) this.#pushes.set(kind, (this.#pushes.get(kind) ?? 0) + type.pushes - before.pushes);
      this.#rejects += type.nacks - before.nacks;
      this.#converge(type, before);
    }
  }

  #converge({ sent, acked }: TypeSync, before: Seen): void {
    if (sent === undefined || acked === undefined || acked.atMs === before.ackedAtMs || acked.version !== sent.version) return;
    const seconds = Math.max(acked.atMs - sent.atMs, 0) / 1000;
    this.#converged++;
    this.#convergenceSeconds += seconds;
    const bucket = convergenceBounds.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
  }

  #convergence(): string {
    const name = 'pilot_proxy_convergence_time';
    let count = 0;
    const buckets = convergenceBounds.map((bound, index) => {
      count += this.#buckets[index] ?? 0;
      return `${name}_bucket{le="${bound}"} ${count}\n`;
    });
    const rest = `${name}_bucket{le="+Inf"} ${this.#converged}\n${name}_sum ${this.#convergenceSeconds}\n${name}_count ${this.#converged}\n`;
    return `# TYPE ${name} histogram\n${buckets.join('')}${rest}`;
  }

  #forget(known: ReadonlySet<string>): void {
    for (const nodeId of this.#seen.keys()) if (!known.has(nodeId)) this.#seen.delete(nodeId);
  }
}

function metric(name: string, type: 'counter' | 'gauge', series: readonly (readonly [labels: string, value: number])[]): string {
  return `# TYPE ${name} ${type}\n${series.map(([labels, value]) => `${name}${labels} ${value}\n`).join('')}`;
}
