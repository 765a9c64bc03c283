// The control plane's own certificate, from the same authority, under the names by which proxies know it: renewed at half of its life and when the
// authority changes. Connections that are open keep the one they have.
import { constants, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { ServerCredentials } from '@grpc/grpc-js';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { backdateMs, defaultValidityMs, signLeaf } from '#ca/authority.ts';
import type { Name } from '#ca/certificate-extensions.ts';
import type { Authority } from '#ca/folder/authority.ts';

/** As istiod's certificate names it; the first is what clients ask for. */
const names: readonly Name[] = [
  { type: 'dns', value: 'istiod.istio-system.svc' },
  { type: 'dns', value: 'istiod.istio-system' },
  { type: 'dns', value: 'istiod.istio-system.svc.cluster.local' },
  { type: 'dns', value: 'localhost' },
  { type: 'ip', value: '127.0.0.1' },
  { type: 'ip', value: '::1' },
];

/** What it takes of TLS 1.2, as Istio's proxies: forward secrecy first. TLS 1.3 has its own. */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** Nobody may begin a handshake within a connection. */
const secureOptions = constants.SSL_OP_NO_RENEGOTIATION;

const lookMs = 60_000;

export type ServerIdentity = Disposable & {
  /** Ask clients for a certificate, and take those that have none or a bad one: who they are is settled per call. */
  readonly credentials: ServerCredentials;
};

/** `addresses`: what it is called besides. The error says why the authority cannot sign now. */
export function openServerIdentity(
  authority: Authority,
  clock: Clock,
  logger: Logger,
  addresses: readonly string[] = [],
): Result<ServerIdentity, string> {
  const credentials = new OwnCredentials(authority, clock, logger, addresses);
  const first = credentials.renew();
  if (first.ok) return ok({ credentials, [Symbol.dispose]: () => credentials[Symbol.dispose]() });
  credentials[Symbol.dispose]();
  return failed(first.error);
}

type Own = { readonly certificate: Buffer; readonly privateKey: Buffer };

/** What gRPC's own kinds of credentials cannot be given: which ciphers it takes, but by an environment variable for the whole process. */
class OwnCredentials extends ServerCredentials implements Disposable {
  readonly #authority: Authority;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #names: readonly Name[];
  readonly #stopFollowing: () => void;
  #own: Own | undefined;
  #renewAtMs = 0;
  #signer: Buffer | undefined;
  #cancelLook: (() => void) | undefined;

  constructor(authority: Authority, clock: Clock, logger: Logger, addresses: readonly string[]) {
    super({ requestCert: true, rejectUnauthorized: false });
    this.#authority = authority;
    this.#clock = clock;
    this.#logger = logger;
    this.#names = [...names, ...addresses.map((value): Name => ({ type: 'ip', value }))];
    this.#stopFollowing = authority.onChange(() => {
      if (this.#signer?.equals(authority.content().serverSet.certificate.raw) !== true) this.#renewSoon();
      this.#show();
    });
    this.#look();
  }

  renew(): Result<void, string> {
    const { serverSet } = this.#authority.content();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
    const nowMs = this.#clock.nowMs();
    const leaf = signLeaf(serverSet, this.#clock, { publicKey, names: this.#names, validityMs: defaultValidityMs });
    if (!leaf.ok) return leaf;
    this.#signer = serverSet.certificate.raw;
    this.#renewAtMs = nowMs + (Date.parse(leaf.value.validTo) - nowMs) / 2;
    this.#own = {
      certificate: Buffer.from(`${leaf.value.toString()}${serverSet.intermediates}`),
      privateKey: Buffer.from(privateKey.export({ format: 'pem', type: 'pkcs8' })),
    };
    this.#show();
    return ok(undefined);
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }

  [Symbol.dispose](): void {
    this.#stopFollowing();
    this.#cancelLook?.();
  }

  /** To the connections that come from now on. */
  #show(): void {
    if (this.#own === undefined) return;
    const { certificate: cert, privateKey: key } = this.#own;
    this.updateSecureContextOptions({
      ca: Buffer.from(this.#authority.content().set.roots),
      cert,
      key,
      ciphers,
      minVersion: 'TLSv1.2',
      secureOptions,
    });
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
