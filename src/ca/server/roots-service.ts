// Envoy's SDS for one resource: the roots, with what was revoked. Sent at once to whoever asks, and again at each change: two roots while one is
// being changed, the one that signs first.
import { create, toBinary } from '@bufbuild/protobuf';
import { type handleBidiStreamingCall, Metadata, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { rootsName } from '#ca/certificate-methods.ts';
import type { Authority } from '#ca/folder/authority.ts';
import type { Identify } from '#ca/server/certificate-service.ts';
import { SecretSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { type DiscoveryRequest, type DiscoveryResponse, DiscoveryResponseSchema } from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import { typeUrls } from '#envoy/type-url.ts';

export type RootsCall = ServerDuplexStream<DiscoveryRequest, DiscoveryResponse>;

/** `calls` holds those that are open, so that the server can end them. */
export function rootsHandler(
  authority: Authority,
  identify: Identify<RootsCall>,
  calls: Set<RootsCall>,
): handleBidiStreamingCall<DiscoveryRequest, DiscoveryResponse> {
  return (call) => {
    const end = (code: status, details: string) => call.emit('error', { code, details, metadata: new Metadata() });
    calls.add(call);
    call.on('error', () => calls.delete(call));
    call.on('cancelled', () => calls.delete(call));
    identify(call).then(
      (caller) => {
        if (!calls.has(call)) return;
        if (caller.ok) serve(call, authority, () => calls.delete(call));
        else end(status.UNAUTHENTICATED, caller.error);
      },
      () => end(status.INTERNAL, 'who calls could not be settled'),
    );
  };
}

function serve(call: RootsCall, authority: Authority, forget: () => void): void {
  let isAsked = false;
  let sent = '';
  let version = 0;
  const send = () => {
    const { roots, crl = '' } = authority.content().set;
    if (!isAsked || sent === roots + crl) return;
    sent = roots + crl;
    version += 1;
    call.write(rootsResponse(roots, crl, String(version)));
  };
  const stopFollowing = authority.onChange(send);
  const stop = () => {
    stopFollowing();
    forget();
  };
  call.on('data', ({ resourceNames }: DiscoveryRequest) => {
    // A later request acknowledges what was sent, or refuses it: then there is nothing better to send.
    isAsked = resourceNames.includes(rootsName);
    send();
  });
  call.on('end', () => {
    stop();
    call.end();
  });
  call.on('cancelled', stop);
  call.on('error', stop);
}

function rootsResponse(roots: string, crl: string, version: string): DiscoveryResponse {
  const secret = create(SecretSchema, {
    name: rootsName,
    type: {
      case: 'validationContext',
      value: {
        trustedCa: { specifier: { case: 'inlineString', value: roots } },
        ...(crl !== '' && { crl: { specifier: { case: 'inlineString', value: crl } } }),
      },
    },
  });
  return create(DiscoveryResponseSchema, {
    versionInfo: version,
    nonce: version,
    typeUrl: typeUrls.secret,
    resources: [{ typeUrl: typeUrls.secret, value: toBinary(SecretSchema, secret) }],
  });
}
