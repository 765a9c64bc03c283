// Keeps the node's rules for Services as the endpoints are: the newest state is written, one write at a time, and only when it differs.
import type { AnyResource } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { AddressPlan } from '#runtime/netns/address-plan.ts';
import type { NetnsPrograms } from '#runtime/netns/availability.ts';
import { runProgram } from '#runtime/netns/run-program.ts';
import { type ServedPort, servedPorts } from '#runtime/netns/served-port.ts';
import { type RulesFamily, serviceRules, serviceRulesForIptables } from '#runtime/netns/service-rules.ts';
import { ip6tablesOf } from '#runtime/netns/trial.ts';

export type ServiceTableOptions = {
  readonly programs: NetnsPrograms;
  readonly addresses: AddressPlan;
  /** On the node: takes what leaves the mesh. */
  readonly egressPort: number | undefined;
  readonly onProblem: (problem: Diagnostic) => void;
};

/** What one program is to read. */
type Text = { readonly path: string; readonly args: readonly string[]; readonly text: string };

export class ServiceTable {
  readonly #options: ServiceTableOptions;
  readonly #families: readonly RulesFamily[];
  #written: readonly Text[] = [];
  #wanted: readonly Text[] = [];
  /** What was refused last: told once, however often it is tried. */
  #refused = '';
  #writing: Promise<void> | undefined;

  constructor(options: ServiceTableOptions) {
    this.#options = options;
    const { addresses, egressPort } = options;
    const families = addresses.ipv6 === undefined ? [addresses] : [addresses, addresses.ipv6];
    this.#families = families.map(({ nodeAddress, cidr }) => ({
      nodeAddress,
      egress: egressPort === undefined ? undefined : { cidr, port: egressPort },
    }));
    this.take([]);
  }

  take(resources: readonly AnyResource[]): void {
    this.#wanted = this.#texts(servedPorts(resources));
    if (this.#writing === undefined && !isSame(this.#wanted, this.#written)) this.#writing = this.#write();
  }

  #texts(ports: readonly ServedPort[]): readonly Text[] {
    const { kind, path } = this.#options.programs.rules;
    if (kind === 'nft') return [{ path, args: ['-f', '-'], text: this.#families.map((family) => serviceRules(ports, family)).join('') }];
    return this.#families.map((family) => ({
      path: family.nodeAddress.includes(':') ? ip6tablesOf(path) : path,
      args: [],
      text: serviceRulesForIptables(ports, family),
    }));
  }

  /** When what was taken last is in force. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    let texts: readonly Text[];
    do {
      texts = this.#wanted;
      const refused = await writeAll(texts);
      // What was refused is written again when the next state comes, be it the same.
      this.#written = refused === undefined ? texts : [];
      if (refused !== undefined && refused.text !== this.#refused) {
        this.#refused = refused.text;
        const message = `pods without a proxy do not reach what Services have become: ${refused.reason}`;
        this.#options.onProblem({ code: 'HDL0412', severity: 'error', message });
      }
    } while (!isSame(this.#wanted, texts));
    this.#writing = undefined;
  }
}

async function writeAll(texts: readonly Text[]): Promise<{ readonly text: string; readonly reason: string } | undefined> {
  for (const { path, args, text } of texts) {
    const done = await runProgram(path, args, text);
    if (!done.ok) return { text, reason: done.error };
  }
  return undefined;
}

function isSame(one: readonly Text[], other: readonly Text[]): boolean {
  return one.length === other.length && one.every(({ text }, index) => text === other[index]?.text);
}
