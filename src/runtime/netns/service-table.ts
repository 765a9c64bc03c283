// Keeps the node's rules for Services as the endpoints are: the newest state is written, one write at a time, and only when it differs.
import type { AnyResource } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { NetnsPrograms } from '#runtime/netns/availability.ts';
import { runProgram } from '#runtime/netns/run-program.ts';
import { servedPorts } from '#runtime/netns/served-port.ts';
import { type Egress, serviceRules, serviceRulesForIptables } from '#runtime/netns/service-rules.ts';

export type ServiceTableOptions = {
  readonly programs: NetnsPrograms;
  readonly nodeAddress: string;
  readonly egress: Egress | undefined;
  readonly onProblem: (problem: Diagnostic) => void;
};

export class ServiceTable {
  readonly #options: ServiceTableOptions;
  #written = '';
  #wanted = '';
  /** What was refused last: told once, however often it is tried. */
  #refused = '';
  #writing: Promise<void> | undefined;

  constructor(options: ServiceTableOptions) {
    this.#options = options;
    this.take([]);
  }

  take(resources: readonly AnyResource[]): void {
    const { nodeAddress, egress, programs } = this.#options;
    const write = programs.rules.kind === 'nft' ? serviceRules : serviceRulesForIptables;
    this.#wanted = write(servedPorts(resources), nodeAddress, egress);
    if (this.#writing === undefined && this.#wanted !== this.#written) this.#writing = this.#write();
  }

  /** When what was taken last is in force. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { programs, onProblem } = this.#options;
    const { kind, path } = programs.rules;
    const args = kind === 'nft' ? ['-f', '-'] : [];
    let text: string;
    do {
      text = this.#wanted;
      const done = await runProgram(path, args, text);
      // What was refused is written again when the next state comes, be it the same.
      this.#written = done.ok ? text : '';
      if (!done.ok && text !== this.#refused) {
        this.#refused = text;
        const message = `pods without a proxy do not reach what Services have become: ${done.error}`;
        onProblem({ code: 'HDL0412', severity: 'error', message });
      }
    } while (this.#wanted !== text);
    this.#writing = undefined;
  }
}
