// The identity of one workload over gRPC: makes its key, asks the authority of the control plane for the certificate, renews it at half of its
// life, follows changes of the roots. What it has goes on being served while nothing new can be had, also beyond its end: closing connections
// that work would help nobody, and peers refuse an expired certificate by themselves.
import { create } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import type { Clock } from '#base/clock.ts';
import { connectionFailure } from '#base/connection-failure.ts';
import type { Logger } from '#base/logger.ts';
import { failed, type Result } from '#base/result.ts';
import { createCertificateMethod } from '#ca/certificate-methods.ts';
import { type Answer, isUnderFirstRoot, readAnswer } from '#ca/client/answer.ts';
import { AuthorityChannel, type Way } from '#ca/client/authority-channel.ts';
import { type KeyType, makeCertificateRequest } from '#ca/client/csr.ts';
import { planRenewal, type Renewal, retryDelayMs } from '#ca/client/renewal.ts';
import { openRootsStream, type Roots } from '#ca/client/roots-stream.ts';
import type { WorkloadCertificate, WorkloadIdentity } from '#ca/client/workload-identity.ts';
import { readCertificates } from '#ca/pem.ts';
import { workloadNameField } from '#ca/workload-name.ts';
import { IstioCertificateRequestSchema } from '#envoy/gen/istio/v1/auth/ca_pb.js';

export type WorkloadIdentityOptions = {
  /** `host:port` of the authority, the control plane's port 15012. */
  readonly target: string;
  /** What its certificate must name; `istiod.istio-system.svc` unless said otherwise. */
  readonly serverName?: string;
  /** PEM of the roots that the authority is verified against. */
  readonly rootsFile: string;
  /** Holds the token that says who the workload is; read at each request. */
  readonly tokenFile?: string;
  /** What telemetry calls the workload; the authority puts it into the certificate. */
  readonly workloadName?: string;
  /** `ecdsa` unless said otherwise. */
  readonly keyType?: KeyType;
  /** Asked for in place of the authority's default of 24 h. */
  readonly validityMs?: number;
  readonly logger: Logger;
  readonly clock: Clock;
  /** A number in [0, 1), for all jitter. */
  readonly random: () => number;
};

const defaultServerName = 'istiod.istio-system.svc';
const callDeadlineMs = 10_000;
/** How often it is looked whether a renewal is due: a jump of the time of day goes unseen for no longer. */
const watchMs = 30_000;
/** When the authority signs under another root, its workloads come back within this time, not all at once. */
const spreadMs = 10_000;

/** Starts at once; the first certificate is told through `onChange`. Never fails: while nobody answers, it tries again and says so in the log. */
export function startWorkloadIdentity(options: WorkloadIdentityOptions): WorkloadIdentity {
  const client = new IdentityClient(options);
  client.start();
  return {
    current: () => client.current(),
    onChange: (listener) => client.onChange(listener),
    [Symbol.asyncDispose]: async () => client.close(),
  };
}

class IdentityClient {
  readonly #options: WorkloadIdentityOptions;
  readonly #channel: AuthorityChannel;
  readonly #listeners = new Set<() => void>();
  #current: WorkloadCertificate | undefined;
  #renewal: Renewal | undefined;
  #failures = 0;
  #saidExpired = false;
  #isAsking = false;
  #closed = false;
  #cancelTimer: (() => void) | undefined;
  #cancelRequest: (() => void) | undefined;
  /** While it is open, what it says of the roots is newer than what comes with a certificate. */
  #endRoots: (() => void) | undefined;
  #streamedRoots: Roots | undefined;
  /** The roots for whose first one a new certificate was asked for. */
  #comeFor: string | undefined;
  #rootsFailures = 0;
  #cancelRootsTimer: (() => void) | undefined;

  constructor(options: WorkloadIdentityOptions) {
    this.#options = options;
    const { target, rootsFile, tokenFile, serverName = defaultServerName } = options;
    this.#channel = new AuthorityChannel({ target, serverName, rootsFile, tokenFile });
  }

  current(): WorkloadCertificate | undefined {
    return this.#current;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(): void {
    this.#renewAfter(0);
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelRootsTimer?.();
    this.#endRoots?.();
    this.#cancelRequest?.();
    this.#channel.close();
    this.#listeners.clear();
  }

  #renewAfter(delayMs: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#options.clock.after(delayMs, () => {
      this.#renew().catch((error: unknown) => this.#failed(error instanceof Error ? error.message : String(error)));
    });
  }

  async #renew(): Promise<void> {
    if (this.#isAsking || this.#closed) return;
    this.#isAsking = true;
    const answer = await this.#ask().finally(() => {
      this.#isAsking = false;
    });
    if (this.#closed) return;
    if (answer.ok) this.#take(answer.value);
    else this.#failed(answer.error);
  }

  async #ask(): Promise<Result<Answer, string>> {
    const { keyType = 'ecdsa', validityMs = 0, clock } = this.#options;
    const { csr, key } = await makeCertificateRequest(keyType);
    if (this.#closed) return failed('closed');
    const way = this.#channel.way(this.#current, clock.nowMs());
    if (!way.ok) return way;
    const chain = await this.#call(way.value, csr, Math.floor(validityMs / 1000));
    return chain.ok ? readAnswer(chain.value, key) : chain;
  }

  #call({ client, metadata }: Way, csr: string, validitySeconds: number): Promise<Result<readonly string[], string>> {
    const { path, requestSerialize, responseDeserialize } = createCertificateMethod;
    const { workloadName } = this.#options;
    const said = workloadName === undefined ? {} : { metadata: { [workloadNameField]: workloadName } };
    const request = create(IstioCertificateRequestSchema, { csr, validityDuration: BigInt(validitySeconds), ...said });
    return new Promise((resolve) => {
      const call = client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, (error, answer) => {
        cancelDeadline();
        this.#cancelRequest = undefined;
        if (error !== null) resolve(failed(`${status[error.code]}: ${connectionFailure(error.details)}`));
        else resolve({ ok: true, value: answer?.certChain ?? [] });
      });
      const cancelDeadline = this.#options.clock.after(callDeadlineMs, () => call.cancel());
      this.#cancelRequest = () => call.cancel();
    });
  }

  #take(answer: Answer): void {
    const { logger, clock, random } = this.#options;
    const roots = this.#endRoots === undefined ? undefined : this.#streamedRoots;
    this.#current = { ...answer, ...roots };
    this.#renewal = planRenewal(answer, clock, random);
    this.#failures = 0;
    this.#saidExpired = false;
    if (this.#renewal.clockDiffers) {
      logger.log('warn', 'the clock here and the clock of the certificate authority differ', {
        now: iso(clock.nowMs()),
        notBefore: iso(answer.notBeforeMs),
      });
    }
    logger.log('info', 'certificate of the workload received', {
      identity: answer.identity,
      until: iso(answer.notAfterMs),
      renewal: iso(this.#renewal.dueAtMs),
    });
    // The roots changed while the answer was on its way; asked once for each change, whatever an authority puts first.
    if (this.#comeFor !== this.#current.roots && !isUnderFirstRoot(this.#current.chain, this.#current.roots)) this.#comeSoon(this.#current.roots);
    else this.#renewAfterWatching();
    if (this.#endRoots === undefined && this.#cancelRootsTimer === undefined) this.#followRoots();
    this.#tell();
  }

  #renewAfterWatching(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#options.clock.after(watchMs, () => {
      if (this.#renewal?.isDue() === true) this.#renewAfter(0);
      else this.#renewAfterWatching();
    });
  }

  #failed(reason: string): void {
    if (this.#closed) return;
    const { logger, clock, random } = this.#options;
    this.#failures += 1;
    const until = this.#current?.notAfterMs;
    const level = this.#failures === 1 ? 'warn' : 'debug';
    if (until === undefined) logger.log(level, 'no certificate for the workload yet, trying again', { reason, target: this.#options.target });
    else logger.log(level, 'the certificate of the workload could not be renewed, the one it has is served on', { reason, until: iso(until) });
    if (until !== undefined && clock.nowMs() >= until && !this.#saidExpired) {
      this.#saidExpired = true;
      logger.log('error', 'the certificate of the workload has expired and no new one can be had, peers will refuse it', {
        reason,
        until: iso(until),
      });
    }
    this.#renewAfter(retryDelayMs(this.#failures, until === undefined ? 'waiting' : 'renewing', random));
  }

  #followRoots(): void {
    const { clock, logger, random } = this.#options;
    this.#cancelRootsTimer = undefined;
    const again = (reason: string) => {
      this.#rootsFailures += 1;
      logger.log('debug', 'the stream of roots is closed, opening it again', { reason });
      this.#cancelRootsTimer = clock.after(retryDelayMs(this.#rootsFailures, 'renewing', random), () => this.#followRoots());
    };
    const way = this.#channel.way(this.#current, clock.nowMs());
    if (!way.ok) return again(way.error);
    this.#streamedRoots = undefined;
    this.#endRoots = openRootsStream(way.value, {
      onRoots: (roots) => {
        this.#rootsFailures = 0;
        this.#takeRoots(roots);
      },
      onEnd: ({ reason, unsupported }) => {
        this.#endRoots = undefined;
        if (unsupported) logger.log('debug', 'the authority does not push its roots, they come with each certificate', { reason });
        else again(reason);
      },
    });
  }

  #takeRoots(roots: Roots): void {
    const { logger } = this.#options;
    const certificates = readCertificates(roots.roots);
    const count = certificates.ok ? certificates.value.length : 0;
    if (count === 0) {
      logger.log('error', 'the authority sent roots that cannot be read, the known ones stay', {});
      return;
    }
    this.#streamedRoots = roots;
    const current = this.#current;
    if (current === undefined || (current.roots === roots.roots && current.crl === roots.crl)) return;
    const { crl: _, ...rest } = current;
    this.#current = { ...rest, ...roots };
    logger.log('info', 'the roots of the mesh changed', { roots: count });
    if (!isUnderFirstRoot(current.chain, roots.roots)) this.#comeSoon(roots.roots);
    this.#tell();
  }

  /** The authority signs under another root by now. */
  #comeSoon(roots: string): void {
    this.#comeFor = roots;
    this.#renewAfter(this.#options.random() * spreadMs);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
