// All secrets of a proxy, by where they are had and their name: the bootstrap's, and what SDS brings. A secret that cannot be used is refused, and
// the one before it stays.
import { failed, ok, type Result } from '#base/result.ts';
import { Problems } from '#decide/config-error.ts';
import { secretKey } from '#decide/secret-reference.ts';
import { keyPairOf, peerValidation } from '#decide/tls-context.ts';
import type { PeerValidation, SecretReference } from '#decide/tls-entry.ts';
import type { Secret } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { type KeyPair, readKeyPair, readPem, type SecretSource } from '#proxy/tls/secrets.ts';

/** What a secret is: a certificate with its key, or what a peer must be. */
export type StoredSecret =
  | { readonly kind: 'certificate'; readonly read: () => Result<KeyPair, string> }
  | { readonly kind: 'validation'; readonly validation: PeerValidation };

/** Who has a secret: see SecretReference. */
export type SecretPlace = Pick<SecretReference, 'from' | 'cluster'>;

export type KnownSecret = SecretPlace & { readonly name: string; readonly secret: StoredSecret };

export class SecretStore implements SecretSource {
  readonly #known = new Map<string, KnownSecret>();
  readonly #listeners = new Set<() => void>();
  #version = 0;

  /** `statics`: the bootstrap's. Their files are read when they are needed. */
  constructor(statics: readonly Secret[]) {
    for (const message of statics) {
      const secret = storedSecret(message);
      if (secret.ok) this.#set({ from: 'bootstrap', cluster: '', name: message.name, secret: secret.value });
    }
  }

  get version(): number {
    return this.#version;
  }

  keyPair(reference: SecretReference): Result<KeyPair, string> | undefined {
    const secret = this.#known.get(secretKey(reference))?.secret;
    return secret?.kind === 'certificate' ? secret.read() : undefined;
  }

  validation(reference: SecretReference): PeerValidation | undefined {
    const secret = this.#known.get(secretKey(reference))?.secret;
    return secret?.kind === 'validation' ? secret.validation : undefined;
  }

  /** Those that are not there yet. */
  missing(references: readonly SecretReference[]): readonly SecretReference[] {
    return references.filter((reference) => !this.#known.has(secretKey(reference)));
  }

  all(): readonly KnownSecret[] {
    return [...this.#known.values()];
  }

  /** Takes a secret as SDS gives it; the error says what is wrong with it, without its content. */
  put(place: SecretPlace, message: Secret): Result<void, string> {
    const secret = storedSecret(message);
    if (!secret.ok) return secret;
    const problem = problemOf(secret.value);
    if (problem !== undefined) return failed(problem);
    this.set({ ...place, name: message.name, secret: secret.value });
    return ok(undefined);
  }

  /** Takes a secret that is known to be good. */
  set(known: KnownSecret): void {
    this.#set(known);
    for (const listener of this.#listeners) listener();
  }

  /** Called after each change; the returned function ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #set(known: KnownSecret): void {
    this.#known.set(secretKey(known), known);
    this.#version++;
  }
}

function storedSecret({ type }: Secret): Result<StoredSecret, string> {
  switch (type.case) {
    case 'tlsCertificate': {
      const source = keyPairOf(type.value);
      return source === undefined
        ? failed('tls_certificate: certificate_chain and private_key are required')
        : ok({ kind: 'certificate', read: () => readKeyPair(source) });
    }
    case 'validationContext': {
      const problems = new Problems('');
      const validation = peerValidation(type.value, 'validation_context', problems);
      const [first] = problems.errors;
      return first === undefined ? ok({ kind: 'validation', validation }) : failed(`${first.field}: ${first.message}`);
    }
    default:
      return failed(`${type.case ?? 'an empty secret'}: is not supported, tls_certificate and validation_context are`);
  }
}

/** What OpenSSL says against it: a key that does not fit, a text that holds no certificate. */
function problemOf(secret: StoredSecret): string | undefined {
  const { createSecureContext } = process.getBuiltinModule('node:tls');
  if (secret.kind === 'certificate') {
    const pair = secret.read();
    if (!pair.ok) return pair.error;
    return thrownBy(() => createSecureContext({ cert: pair.value.chain, key: pair.value.key.reveal() }));
  }
  const { trustedCa, crl } = secret.validation;
  const roots = trustedCa === undefined ? undefined : readPem(trustedCa);
  const revoked = crl === undefined ? undefined : readPem(crl);
  if (roots?.ok === false) return roots.error;
  if (revoked?.ok === false) return revoked.error;
  const blocks = roots?.value.match(/-----BEGIN [^-]*CERTIFICATE-----[^-]*-----END [^-]*CERTIFICATE-----/g) ?? [];
  if (roots !== undefined && blocks.length === 0) return 'validation_context.trusted_ca: holds no certificate';
  return thrownBy(() => {
    const { X509Certificate } = process.getBuiltinModule('node:crypto');
    for (const block of blocks) new X509Certificate(block);
    if (revoked !== undefined) createSecureContext({ crl: revoked.value });
  });
}

function thrownBy(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
