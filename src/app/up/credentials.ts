// What the proxies of `heddle up` prove with who they are: a token for each pod and the roots of the mesh, in files that only this user can read, in a
// folder that goes with the mesh. Tokens are renewed in place, and so are the roots when they change.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { SecureXds } from '#app/secure-xds.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import type { Authority } from '#ca/folder/authority.ts';
import { makePrivateFolder, writeWhole } from '#ca/folder/private-file.ts';
import { issueToken } from '#ca/token.ts';
import type { PodPlan } from '#runtime/pod-plan.ts';

export type CredentialsOptions = {
  /** Made anew, and gone at the end. */
  readonly folder: string;
  /** Stays the caller's. */
  readonly authority: Authority;
  readonly trustDomain: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
};

const tokenLifeMs = 24 * 3_600_000;
const renewMs = tokenLifeMs / 2;
/** By the time of day, and looked at often: while a laptop sleeps no timer goes on, and tokens end. */
const lookMs = 10_000;
const rootsName = 'root-cert.pem';

export class UpCredentials implements Disposable {
  readonly #options: CredentialsOptions;
  /** By file name. */
  readonly #issued = new Map<string, PodPlan>();
  readonly #endRoots: () => void;
  #renewedAtMs: number;
  #cancelRenewal: () => void = () => {};

  constructor(options: CredentialsOptions) {
    this.#options = options;
    const { folder, authority } = options;
    rmSync(folder, { recursive: true, force: true });
    makePrivateFolder(folder);
    this.#writeRoots();
    this.#endRoots = authority.onChange(() => this.#writeRoots());
    this.#renewedAtMs = options.clock.nowMs();
    this.#renewLater();
  }

  /** The files of a pod's proxy. Its token is for this pod alone. */
  async issue(plan: PodPlan): Promise<SecureXds> {
    const { name, namespace } = plan.pod.metadata;
    const file = `${namespace}.${name}.token`;
    this.#issued.set(file, plan);
    await this.#write(file, plan);
    return { tokenFile: join(this.#options.folder, file), rootsFile: join(this.#options.folder, rootsName) };
  }

  async #renew(): Promise<void> {
    await Promise.all([...this.#issued].map(([file, plan]) => this.#write(file, plan)));
  }

  [Symbol.dispose](): void {
    this.#cancelRenewal();
    this.#endRoots();
    rmSync(this.#options.folder, { recursive: true, force: true });
  }

  #renewLater(): void {
    const { clock, logger } = this.#options;
    this.#cancelRenewal = clock.after(lookMs, () => {
      this.#renewLater();
      const ageMs = clock.nowMs() - this.#renewedAtMs;
      // Younger than nothing: the clock was put back, and what was issued before is from a time to come.
      if (ageMs >= 0 && ageMs < renewMs) return;
      this.#renewedAtMs = clock.nowMs();
      this.#renew().catch((error: unknown) => logger.log('error', 'tokens of the workloads cannot be renewed', { reason: String(error) }));
    });
  }

  async #write(file: string, { pod }: PodPlan): Promise<void> {
    const { folder, authority, trustDomain, clock } = this.#options;
    const { name, namespace } = pod.metadata;
    const identity = { trustDomain: trustDomain(), namespace, serviceAccount: pod.spec.serviceAccountName ?? 'default' };
    const token = await issueToken(authority.content().tokenKey, { identity, pod: name }, tokenLifeMs, clock.nowMs());
    writeWhole(folder, file, token.reveal());
  }

  #writeRoots(): void {
    writeWhole(this.#options.folder, rootsName, this.#options.authority.content().set.roots);
  }
}
