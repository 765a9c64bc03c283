// Who was not let in while `heddle up` runs, told with the line of the policy that decided: proxies say in their logs which policy and rule it was, and the
// mesh knows where those are written. In: the folder of the logs. Out: events, few however many knock.
import { closeSync, type FSWatcher, fstatSync, openSync, readSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import { formatOrigin } from '#base/origin.ts';
import type { Mesh } from '#model/mesh.ts';

export type DeniedEvent = Denial & {
  readonly kind: 'denied';
  readonly workload: string;
  /** The rule that decided, or the first of those that did not let in. */
  readonly at?: string;
  /** The same again, since it was told of last. */
  readonly more: number;
};

/** In the proxy's words: why, and who asked for what, where it says so. */
type Denial = { readonly why: string; readonly asked?: string };

export type DenialWatchOptions = {
  /** Of the logs; those of proxies are NAME.proxy.log. */
  readonly folder: string;
  readonly dataPlane: 'embedded' | 'envoy';
  readonly mesh: () => Pick<Mesh, 'authorizationPolicies'>;
  readonly clock: Clock;
  readonly emit: (event: DeniedEvent) => void;
};

/** Logs are looked at when they have grown, so often at most. */
const lookMs = 200;
/** One denial by one rule at one workload is told so often at most, and so many of all in that time. */
const windowMs = 10_000;
const mostInWindow = 10;
/** Of a log that grows faster than this between two looks the rest is passed over: it is full of other things. */
const mostBytes = 262_144;

const ending = '.proxy.log';

type Told = { readonly workload: string; readonly why: string; more: number };

export class DenialWatch implements Disposable {
  readonly #options: DenialWatchOptions;
  readonly #watcher: FSWatcher | undefined;
  readonly #read = new Map<string, number>();
  readonly #grown = new Set<string>();
  readonly #told = new Map<string, Told>();
  #cancelLook: (() => void) | undefined;
  #cancelWindow: (() => void) | undefined;

  constructor(options: DenialWatchOptions) {
    this.#options = options;
    try {
      this.#watcher = watch(options.folder, { persistent: false }, (_type, name) => {
        if (name?.endsWith(ending) === true) this.#touched(name);
      });
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      // Nothing is told then; the logs are there to read.
      this.#watcher = undefined;
    }
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
    this.#cancelLook?.();
    this.#cancelWindow?.();
  }

  #touched(file: string): void {
    this.#grown.add(file);
    this.#cancelLook ??= this.#options.clock.after(lookMs, () => {
      this.#cancelLook = undefined;
      const files = [...this.#grown];
      this.#grown.clear();
      for (const each of files) this.#look(each);
    });
  }

  #look(file: string): void {
    const { text, end } = readFrom(join(this.#options.folder, file), this.#read.get(file) ?? 0);
    const whole = text.lastIndexOf('\n') + 1;
    this.#read.set(file, end - Buffer.byteLength(text.slice(whole)));
    for (const line of text.slice(0, whole).split('\n')) {
      const denial = this.#options.dataPlane === 'embedded' ? toldBy(line) : loggedBy(line);
      if (denial !== undefined) this.#note(file.slice(0, -ending.length), denial);
    }
  }

  #note(workload: string, denial: Denial): void {
    // What was met differs from call to call; what the rules ask for does not.
    const key = `${workload} ${denial.why.replace(/: (?:it|the|there) .*/, '')}`;
    const known = this.#told.get(key);
    if (known !== undefined) {
      known.more++;
      return;
    }
    this.#cancelWindow ??= this.#options.clock.after(windowMs, () => this.#endWindow());
    if (this.#told.size >= mostInWindow) return;
    this.#told.set(key, { workload, why: denial.why, more: 0 });
    this.#tell(workload, denial, 0);
  }

  #endWindow(): void {
    this.#cancelWindow = undefined;
    const told = [...this.#told.values()];
    this.#told.clear();
    for (const { workload, why, more } of told) if (more > 0) this.#tell(workload, { why }, more);
  }

  #tell(workload: string, denial: Denial, more: number): void {
    const { emit, mesh } = this.#options;
    const at = placeOf(denial.why, mesh());
    emit({ kind: 'denied', workload, ...denial, ...(at !== undefined && { at }), more });
  }
}

function readFrom(file: string, position: number): { readonly text: string; readonly end: number } {
  try {
    const descriptor = openSync(file, 'r');
    try {
      const { size } = fstatSync(descriptor);
      // One that became shorter was begun anew.
      const from = Math.max(size < position ? 0 : position, size - mostBytes);
      const chunk = Buffer.alloc(size - from);
      const length = readSync(descriptor, chunk, 0, chunk.length, from);
      return { text: chunk.toString('utf8', 0, length), end: from + length };
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return { text: '', end: position };
  }
}

/** As the embedded proxy tells it: proxy/denial-log.ts. */
function toldBy(line: string): Denial | undefined {
  const [, why, asked] = /^\S+ warn (?:request|connection) denied: (.*?)(?: from=(.*))?$/.exec(line) ?? [];
  return why === undefined ? undefined : { why, ...(asked !== undefined && { asked }) };
}

/** As the access log of an Envoy has it, where there is one: %RESPONSE_CODE_DETAILS%. */
function loggedBy(line: string): Denial | undefined {
  const matched = /rbac_access_denied_matched_policy\[(?:(none)|ns\[([^\]]*)\]-policy\[([^\]]*)\]-rule\[(\d+)\])\]/.exec(line);
  if (matched === null) return undefined;
  const [, none, namespace, name, rule] = matched;
  return { why: none === undefined ? `denied by policy ${namespace}/${name}, rule ${rule}` : 'no policy allows it' };
}

/** Where the first rule that is named stands; one that never matches is none to look at. */
function placeOf(why: string, { authorizationPolicies }: Pick<Mesh, 'authorizationPolicies'>): string | undefined {
  const parts = why.split('; ');
  const telling = parts.find((part) => !part.endsWith('it matches nothing')) ?? why;
  const [, namespace, name, rule] = /policy ([^\s/]+)\/([^\s,]+), rule (\d+)/.exec(telling) ?? [];
  const policy = authorizationPolicies.find((one) => one.namespace === namespace && one.name === name);
  return policy === undefined ? undefined : formatOrigin(policy.rules[Number(rule)]?.origin ?? policy.origin);
}
