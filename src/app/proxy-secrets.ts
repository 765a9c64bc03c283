// The static secrets of a bootstrap in, what proxy/tls asks for by name out.
import { dataSourceOf } from '#decide/data-source.ts';
import type { Secret } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type { SecretSource } from '#proxy/tls/secrets.ts';

export function staticSecrets(secrets: readonly Secret[]): SecretSource {
  const byName = new Map(secrets.map((secret) => [secret.name, secret]));
  return {
    keyPair: (name) => {
      const type = byName.get(name)?.type;
      if (type?.case !== 'tlsCertificate') return undefined;
      const chain = dataSourceOf(type.value.certificateChain);
      const key = dataSourceOf(type.value.privateKey);
      return chain === undefined || key === undefined ? undefined : { chain, key };
    },
    trustedCa: (name) => {
      const type = byName.get(name)?.type;
      return type?.case === 'validationContext' ? dataSourceOf(type.value.trustedCa) : undefined;
    },
  };
}
