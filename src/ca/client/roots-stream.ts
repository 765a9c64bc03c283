// The roots as the authority has them now: one SDS stream, on which each change is pushed. An authority without SDS (Istio's own) says so once,
// and is left in peace: the roots then come with each new certificate.
import { create, fromBinary } from '@bufbuild/protobuf';
import { type ClientDuplexStream, status } from '@grpc/grpc-js';
import { rootsName, streamSecretsMethod } from '#ca/certificate-methods.ts';
import type { Way } from '#ca/client/authority-channel.ts';
import type { DataSource } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { SecretSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { type DiscoveryRequest, DiscoveryRequestSchema, type DiscoveryResponse } from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import { typeUrls } from '#envoy/type-url.ts';

export type Roots = { readonly roots: string; readonly crl?: string };

export type RootsStreamEnd = { readonly reason: string; readonly unsupported: boolean };

/** Calls `onRoots` with the roots at once and at each change, `onEnd` once when the stream is over but not after the returned function was called. */
export function openRootsStream(
  { client, metadata }: Way,
  { onRoots, onEnd }: { readonly onRoots: (roots: Roots) => void; readonly onEnd: (end: RootsStreamEnd) => void },
): () => void {
  const { path, requestSerialize, responseDeserialize } = streamSecretsMethod;
  const stream: ClientDuplexStream<DiscoveryRequest, DiscoveryResponse> = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    metadata,
  );
  let over = false;
  const end = (reason: string, unsupported = false) => {
    if (over) return;
    over = true;
    stream.cancel();
    onEnd({ reason, unsupported });
  };
  const ask = (answered?: DiscoveryResponse) => {
    const versions = answered === undefined ? {} : { versionInfo: answered.versionInfo, responseNonce: answered.nonce };
    stream.write(create(DiscoveryRequestSchema, { typeUrl: typeUrls.secret, resourceNames: [rootsName], ...versions }));
  };
  stream.on('data', (response: DiscoveryResponse) => {
    const roots = readRoots(response);
    if (over) return;
    if (roots === undefined) return end('the authority sent roots that cannot be read');
    ask(response);
    onRoots(roots);
  });
  stream.on('error', (error: Error & { readonly code?: number; readonly details?: string }) =>
    end(error.details ?? error.message, error.code === status.UNIMPLEMENTED),
  );
  stream.on('end', () => end('the authority ended the stream'));
  ask();
  return () => {
    over = true;
    stream.cancel();
  };
}

function readRoots(response: DiscoveryResponse): Roots | undefined {
  for (const { value } of response.resources) {
    const secret = decode(value);
    if (secret?.name !== rootsName || secret.type.case !== 'validationContext') continue;
    const roots = inline(secret.type.value.trustedCa);
    const crl = inline(secret.type.value.crl);
    if (roots !== undefined) return crl === undefined ? { roots } : { roots, crl };
  }
  return undefined;
}

function decode(bytes: Uint8Array) {
  try {
    return fromBinary(SecretSchema, bytes);
  } catch {
    return undefined;
  }
}

function inline(source: DataSource | undefined): string | undefined {
  switch (source?.specifier.case) {
    case 'inlineString':
      return source.specifier.value;
    case 'inlineBytes':
      return new TextDecoder().decode(source.specifier.value);
    default:
      return undefined;
  }
}
