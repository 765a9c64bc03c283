// Credentials as what proxies are told: how a listener or cluster names one, and the xDS secret of that name. Secrets travel over the stream that
// all else comes by; a proxy asks for them by name. The key's bytes are in the secret's message and nowhere else.

import { makeUnit, type Unit } from '#compile/unit.ts';
import { create } from '#envoy/create.ts';
import { ApiVersion } from '#envoy/gen/envoy/config/core/v3/config_source_pb.js';
import {
  type SdsSecretConfig,
  SdsSecretConfigSchema,
  type Secret,
  SecretSchema,
} from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import type { Credential, KeyPair } from '#model/credential.ts';

/** What of a credential is meant: its certificate with key, or its roots. */
export type CredentialRole = 'key-pair' | 'roots';

/** Istio's name for roots is that of the certificate with this at its end. */
export const rootSuffix = '-cacert';

/**
 * The reference to a secret that the control plane serves. Unlike routes, secrets have Envoy's own fetch timeout: a listener does not wait for ever
 * for one of its certificates, it refuses the handshakes that need it. Source: Istio, SDSAdsConfig.
 */
export function credentialSecret(resourceName: string): SdsSecretConfig {
  return create(SdsSecretConfigSchema, {
    name: resourceName,
    sdsConfig: { configSourceSpecifier: { case: 'ads', value: {} }, resourceApiVersion: ApiVersion.V3 },
  });
}

/** The secret itself; undefined where the credential has no such part. */
export function secretUnit(credential: Credential, role: CredentialRole, resourceName: string): Unit | undefined {
  const make = role === 'key-pair' ? keyPairMaker(credential, resourceName) : rootsMaker(credential, resourceName);
  if (make === undefined) return undefined;
  return makeUnit(typeUrls.secret, resourceName, SecretSchema, make, [[{ kind: 'secret', secret: resourceName }, credential.origin]]);
}

function keyPairMaker({ keyPair }: Credential, name: string): (() => Secret) | undefined {
  return keyPair === undefined ? undefined : () => keyPairSecret(name, keyPair);
}

function rootsMaker({ roots, crl }: Credential, name: string): (() => Secret) | undefined {
  if (roots === undefined) return undefined;
  const value = { trustedCa: inline(roots), ...(crl !== undefined && { crl: inline(crl) }) };
  return () => create(SecretSchema, { name, type: { case: 'validationContext', value } });
}

function keyPairSecret(name: string, { chain, key, ocspStaple }: KeyPair) {
  return create(SecretSchema, {
    name,
    type: {
      case: 'tlsCertificate',
      value: {
        certificateChain: inline(chain),
        privateKey: inline(key.reveal()),
        ...(ocspStaple !== undefined && { ocspStaple: { specifier: { case: 'inlineBytes', value: ocspStaple } } }),
      },
    },
  });
}

function inline(text: string) {
  return { specifier: { case: 'inlineBytes' as const, value: new TextEncoder().encode(text) } };
}
