// The limits of containers for all pods of a mesh: control groups are opened when the first container asks for a limit; where there are none, that is told
// once, and everything runs without.
import type { Container } from '#api/kubernetes/container.ts';
import type { Result } from '#base/result.ts';
import { type ControlGroup, ControlGroups, containerLimits } from '#runtime/control-groups.ts';
import type { EmitEvent } from '#runtime/event.ts';

export class ContainerLimits implements Disposable {
  readonly #emit: EmitEvent;
  readonly #open: () => Result<ControlGroups, string>;
  #groups: Result<ControlGroups, string> | undefined;

  constructor(emit: EmitEvent, open: () => Result<ControlGroups, string> = () => ControlGroups.open()) {
    this.#emit = emit;
    this.#open = open;
  }

  /** The group of one container of a pod that is about to start; undefined where it asks for no limit, or gets none. `workload`: `namespace/name`. */
  groupOf(container: Container, workload: string, generation: number): ControlGroup | undefined {
    const limits = containerLimits(container);
    if (limits.cpus === undefined && limits.memoryBytes === undefined) return undefined;
    const isFirst = this.#groups === undefined;
    this.#groups ??= this.#open();
    if (!this.#groups.ok) {
      if (isFirst) this.#tell(workload, `limits of CPU and memory have no effect here: ${this.#groups.error}`);
      return undefined;
    }
    const made = this.#groups.value.make(`${workload}.${container.name}.${generation}`, limits);
    if (made.ok) return made.value;
    this.#tell(workload, `container ${container.name} runs without its limits: ${made.error}`);
    return undefined;
  }

  [Symbol.dispose](): void {
    if (this.#groups?.ok === true) this.#groups.value[Symbol.dispose]();
  }

  #tell(workload: string, message: string): void {
    this.#emit({ kind: 'notice', workload, message });
  }
}
