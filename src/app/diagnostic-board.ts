// All diagnostics in force: those of files, mesh and compiling, and one for each resource that a proxy refuses. Reports the whole
// list when it changes, each finding once and in order.

import type { MeshSource } from '#app/mesh-source.ts';
import { refusalDiagnostics } from '#app/refusal.ts';
import { compareDiagnostics, type Diagnostic, formatDiagnostic } from '#base/diagnostic.ts';
import type { LedgerView, NodeSync } from '#xds/server/ledger.ts';

export type BoardOptions = {
  readonly nodes: MeshSource;
  readonly ledger: LedgerView;
  /** What else has something to say, such as the certificate authority. */
  readonly others?: readonly {
    readonly diagnostics: () => readonly Diagnostic[];
    readonly onChange: (listener: () => void) => () => void;
  }[];
  readonly report: (diagnostics: readonly Diagnostic[]) => void;
};

export class DiagnosticBoard implements Disposable {
  readonly #options: BoardOptions;
  readonly #stops: readonly (() => void)[];
  /** By node, type and resource, as long as the refusal stands. */
  readonly #refusals = new Map<
    string,
    { readonly nodeId: string; readonly typeUrl: string; readonly resource: string; readonly diagnostic: Diagnostic }
  >();
  #current: readonly Diagnostic[] = [];
  #reported: string | undefined;
  #scheduled = false;

  constructor(options: BoardOptions) {
    this.#options = options;
    const { nodes, ledger, others = [] } = options;
    this.#stops = [
      ...others.map((other) => other.onChange(() => this.#schedule())),
      nodes.onChange(() => this.#schedule()),
      ledger.onNack((event) => {
        const { nodeId, typeUrl } = event;
        for (const { resource, diagnostic } of refusalDiagnostics(event, nodes.compiledFor(nodeId))) {
          this.#refusals.set(`${nodeId} ${typeUrl} ${resource}`, { nodeId, typeUrl, resource, diagnostic });
        }
        this.#schedule();
      }),
      ledger.onChange((node) => this.#follow(node)),
    ];
    this.#update();
  }

  current(): readonly Diagnostic[] {
    if (this.#scheduled) this.#update();
    return this.#current;
  }

  [Symbol.dispose](): void {
    for (const stop of this.#stops) stop();
  }

  /** Drops refusals that no longer stand. */
  #follow(node: NodeSync): void {
    let isNews = node.types.size === 0 || !node.connected;
    for (const [key, { nodeId, typeUrl, resource }] of this.#refusals) {
      if (nodeId !== node.nodeId) continue;
      const type = [...node.types.values()].find((candidate) => candidate.typeUrl === typeUrl);
      const stands = node.connected && type !== undefined && (resource === '' ? type.state === 'rejected' : type.rejected.includes(resource));
      if (!stands) isNews = this.#refusals.delete(key) || isNews;
    }
    if (!node.connected) this.#options.nodes.forget(node.nodeId);
    if (isNews) this.#schedule();
  }

  /** Many changes come at once: a change of the mesh, then an answer of every proxy. One look after them is enough. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      if (this.#scheduled) this.#update();
    });
  }

  #update(): void {
    this.#scheduled = false;
    const all = new Map<string, Diagnostic>();
    const { nodes, others = [] } = this.#options;
    const refusals = [...this.#refusals.values()].map((refusal) => refusal.diagnostic);
    for (const diagnostic of [...nodes.diagnostics(), ...others.flatMap((other) => other.diagnostics()), ...refusals]) {
      all.set(formatDiagnostic(diagnostic), diagnostic);
    }
    this.#current = [...all.values()].sort(compareDiagnostics);
    const text = [...all.keys()].sort().join('\n');
    if (text === this.#reported) return;
    this.#reported = text;
    this.#options.report(this.#current);
  }
}
