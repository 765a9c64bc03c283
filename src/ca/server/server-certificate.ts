// The control plane's own certificate, from the same authority, under the names by which proxies know it: renewed at half of its life and when the
// authority changes. gRPC asks for it as a provider of certificates: connections that are open keep the one they have.
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { backdateMs, defaultValidityMs, signLeaf } from '#ca/authority.ts';
import type { Authority } from '#ca/folder/authority.ts';

/** As istiod's certificate names it; the first is what clients ask for. */
const names = [
  { type: 'dns', value: 'istiod.istio-system.svc' },
  { type: 'dns', value: 'istiod.istio-system' },
  { type: 'dns', value: 'istiod.istio-system.svc.cluster.local' },
  { type: 'dns', value: 'localhost' },
  { type: 'ip', value: '127.0.0.1' },
  { type: 'ip', value: '::1' },
] as const;

const lookMs = 60_000;

type Provider = experimental.CertificateProvider;
type IdentityListener = Parameters<Provider['addIdentityCertificateListener']>[0];
type RootsListener = Parameters<Provider['addCaCertificateListener']>[0];

export type ServerIdentity = Disposable & {
  /** Ask clients for a certificate, and take those that have none or a bad one: who they are is settled per call. */
  readonly credentials: ServerCredentials;
};

/** The error says why the authority cannot sign now. */
export function openServerIdentity(authority: Authority, clock: Clock, logger: Logger): Result<ServerIdentity, string> {
  const provider = new OwnCertificate(authority, clock, logger);
  const first = provider.renew();
  if (!first.ok) {
    provider[Symbol.dispose]();
    return failed(first.error);
  }
  // The declaration of this function names its first two arguments the wrong way round; here both are one.
  const credentials = experimental.createCertificateProviderServerCredentials(provider, provider, false);
  return ok({ credentials, [Symbol.dispose]: () => provider[Symbol.dispose]() });
}

type Own = { readonly certificate: Buffer; readonly privateKey: Buffer };

class OwnCertificate implements Provider, Disposable {
  readonly #authority: Authority;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #identityListeners = new Set<IdentityListener>();
  readonly #rootsListeners = new Set<RootsListener>();
  readonly #stopFollowing: () => void;
  #own: Own | undefined;
  #renewAtMs = 0;
  #signer: Buffer | undefined;
  #cancelLook: (() => void) | undefined;

  constructor(authority: Authority, clock: Clock, logger: Logger) {
    this.#authority = authority;
    this.#clock = clock;
    this.#logger = logger;
    this.#stopFollowing = authority.onChange(() => {
      for (const listener of this.#rootsListeners) listener(this.#roots());
      if (this.#signer?.equals(authority.content().serverSet.certificate.raw) !== true) this.#renewSoon();
    });
    this.#look();
  }

  renew(): Result<void, string> {
    const { serverSet } = this.#authority.content();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
    const nowMs = this.#clock.nowMs();
    const leaf = signLeaf(serverSet, this.#clock, { publicKey, names, validityMs: defaultValidityMs });
    if (!leaf.ok) return leaf;
    this.#signer = serverSet.certificate.raw;
    this.#renewAtMs = nowMs + (Date.parse(leaf.value.validTo) - nowMs) / 2;
    this.#own = {
      certificate: Buffer.from(`${leaf.value.toString()}${serverSet.intermediates}`),
      privateKey: Buffer.from(privateKey.export({ format: 'pem', type: 'pkcs8' })),
    };
    for (const listener of this.#identityListeners) listener(this.#own);
    return ok(undefined);
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.add(listener);
    // Not at once: gRPC is not ready for it while it adds its listener.
    if (this.#own !== undefined) queueMicrotask(() => listener(this.#own ?? null));
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.delete(listener);
  }

  addCaCertificateListener(listener: RootsListener): void {
    this.#rootsListeners.add(listener);
    queueMicrotask(() => listener(this.#roots()));
  }

  removeCaCertificateListener(listener: RootsListener): void {
    this.#rootsListeners.delete(listener);
  }

  [Symbol.dispose](): void {
    this.#stopFollowing();
    this.#cancelLook?.();
  }

  #roots(): { readonly caCertificate: Buffer } {
    return { caCertificate: Buffer.from(this.#authority.content().set.roots) };
  }

  #look(): void {
    this.#cancelLook = this.#clock.after(lookMs, () => {
      const nowMs = this.#clock.nowMs();
      if (nowMs >= this.#renewAtMs || nowMs < this.#renewAtMs - defaultValidityMs - backdateMs) this.#renewSoon();
      this.#look();
    });
  }

  #renewSoon(): void {
    const renewed = this.renew();
    if (!renewed.ok) this.#logger.log('error', 'the control plane cannot renew its own certificate', { reason: renewed.error });
  }
}
