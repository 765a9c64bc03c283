// Envoy's discovery service of secrets alone, as whoever stands beside a proxy serves it: the requests and responses of the aggregated service.
import { bytesStream } from '#xds/ads-service.ts';

export const secretService = {
  streamSecrets: bytesStream('/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets'),
  deltaSecrets: bytesStream('/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets'),
  fetchSecrets: {
    ...bytesStream('/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets'),
    requestStream: false as const,
    responseStream: false as const,
  },
};
