// The secrets that a workload's proxy asks for by the names of Istio's agent: `default` (certificate and key), `ROOTCA` (the roots), and files,
// `file-cert:CERT~KEY` and `file-root:CA`. One answer for both data planes: the agent serves it to Envoy, the embedded proxy uses it itself.
import { readFileSync } from 'node:fs';
import type { Clock } from '#base/clock.ts';
import { SecretText } from '#base/secret-text.ts';
import { FileWatch } from '#ca/client/file-watch.ts';
import type { WorkloadIdentity } from '#ca/client/workload-identity.ts';

/** All PEM. */
export type NamedSecret =
  | { readonly kind: 'certificate'; readonly chain: string; readonly key: SecretText }
  | { readonly kind: 'roots'; readonly pem: string; readonly crl?: string };

const identitySecret = 'default';
const rootsSecret = 'ROOTCA';
const certificateFiles = 'file-cert:';
const rootsFile = 'file-root:';

export class WorkloadSecrets implements Disposable {
  readonly #identity: WorkloadIdentity | undefined;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  readonly #watches = new Map<string, FileWatch>();
  readonly #endIdentity: (() => void) | undefined;

  constructor(identity: WorkloadIdentity | undefined, clock: Clock) {
    this.#identity = identity;
    this.#clock = clock;
    this.#endIdentity = identity?.onChange(() => this.#changed());
  }

  /** Undefined for what is not there (yet), and for names that mean nothing here. Files that it names are watched from the first call on. */
  get(name: string): NamedSecret | undefined {
    if (name.startsWith(certificateFiles)) return this.#fromFiles(name.slice(certificateFiles.length).split('~'));
    if (name.startsWith(rootsFile)) return this.#roots(name.slice(rootsFile.length));
    const current = this.#identity?.current();
    if (current === undefined) return undefined;
    if (name === identitySecret) return { kind: 'certificate', chain: current.chain, key: current.key };
    if (name !== rootsSecret) return undefined;
    return { kind: 'roots', pem: current.roots, ...(current.crl === undefined ? {} : { crl: current.crl }) };
  }

  /** Called when any of the secrets may have become another; the returned function ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  [Symbol.dispose](): void {
    this.#endIdentity?.();
    for (const watch of this.#watches.values()) watch[Symbol.dispose]();
    this.#watches.clear();
    this.#listeners.clear();
  }

  #fromFiles([chainFile = '', keyFile = '']: readonly string[]): NamedSecret | undefined {
    const [chain, key] = [this.#read(chainFile), this.#read(keyFile)];
    return chain === undefined || key === undefined ? undefined : { kind: 'certificate', chain, key: new SecretText(key) };
  }

  #roots(file: string): NamedSecret | undefined {
    const pem = this.#read(file);
    return pem === undefined ? undefined : { kind: 'roots', pem };
  }

  #read(file: string): string | undefined {
    if (file === '') return undefined;
    if (!this.#watches.has(file)) this.#watches.set(file, new FileWatch(file, this.#clock, () => this.#changed()));
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return undefined;
    }
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
