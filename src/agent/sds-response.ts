// Secrets as SDS messages: what Envoy is sent, and under which version.
import { createHash } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import type { NamedSecret, WorkloadSecrets } from '#ca/client/workload-secrets.ts';
import { SecretSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { DiscoveryRequestSchema, DiscoveryResponseSchema } from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import { typeUrls } from '#envoy/type-url.ts';

export type SdsResource = { readonly name: string; readonly version: string; readonly resource: Any };

/** Those of the names that are there. A version says nothing of the content but whether it is the same. */
export function resourcesOf(names: Iterable<string>, secrets: WorkloadSecrets): readonly SdsResource[] {
  return [...names].flatMap((name) => {
    const secret = secrets.get(name);
    if (secret === undefined) return [];
    const resource = anyPack(SecretSchema, messageOf(name, secret));
    return [{ name, resource, version: createHash('sha256').update(resource.value).digest('hex').slice(0, 16) }];
  });
}

/** FetchSecrets: a DiscoveryRequest in, a DiscoveryResponse out. */
export function answerOnce(request: Uint8Array, secrets: WorkloadSecrets): Buffer {
  const { resourceNames } = fromBinary(DiscoveryRequestSchema, request);
  const found = resourcesOf(resourceNames, secrets);
  const response = create(DiscoveryResponseSchema, {
    versionInfo: found.map(({ version }) => version).join(' '),
    resources: found.map(({ resource }) => resource),
    typeUrl: typeUrls.secret,
  });
  return Buffer.from(toBinary(DiscoveryResponseSchema, response));
}

function messageOf(name: string, secret: NamedSecret) {
  const bytes = (text: string) => ({ specifier: { case: 'inlineBytes' as const, value: Buffer.from(text) } });
  return create(SecretSchema, {
    name,
    type:
      secret.kind === 'certificate'
        ? { case: 'tlsCertificate', value: { certificateChain: bytes(secret.chain), privateKey: bytes(secret.key.reveal()) } }
        : { case: 'validationContext', value: { trustedCa: bytes(secret.pem), ...(secret.crl === undefined ? {} : { crl: bytes(secret.crl) }) } },
  });
}
