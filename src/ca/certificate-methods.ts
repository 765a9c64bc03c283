// The two gRPC methods of the authority, for both ends: Istio's CreateCertificate, and Envoy's SDS, of which the authority serves one resource:
// the roots that certificates are verified against, under the name that Istio gives them.
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DiscoveryRequest, DiscoveryResponse } from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import { DiscoveryRequestSchema, DiscoveryResponseSchema } from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import type { IstioCertificateRequest, IstioCertificateResponse } from '#envoy/gen/istio/v1/auth/ca_pb.js';
import { IstioCertificateRequestSchema, IstioCertificateResponseSchema } from '#envoy/gen/istio/v1/auth/ca_pb.js';

export const rootsName = 'ROOTCA';

export const createCertificateMethod = {
  path: '/istio.v1.auth.IstioCertificateService/CreateCertificate',
  requestStream: false as const,
  responseStream: false as const,
  requestSerialize: (message: IstioCertificateRequest) => Buffer.from(toBinary(IstioCertificateRequestSchema, message)),
  requestDeserialize: (bytes: Buffer) => fromBinary(IstioCertificateRequestSchema, bytes),
  responseSerialize: (message: IstioCertificateResponse) => Buffer.from(toBinary(IstioCertificateResponseSchema, message)),
  responseDeserialize: (bytes: Buffer) => fromBinary(IstioCertificateResponseSchema, bytes),
};

export const streamSecretsMethod = {
  path: '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets',
  requestStream: true as const,
  responseStream: true as const,
  requestSerialize: (message: DiscoveryRequest) => Buffer.from(toBinary(DiscoveryRequestSchema, message)),
  requestDeserialize: (bytes: Buffer) => fromBinary(DiscoveryRequestSchema, bytes),
  responseSerialize: (message: DiscoveryResponse) => Buffer.from(toBinary(DiscoveryResponseSchema, message)),
  responseDeserialize: (bytes: Buffer) => fromBinary(DiscoveryResponseSchema, bytes),
};
