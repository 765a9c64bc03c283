// Where a proxy gets routes and endpoints from: the same ADS stream. No initial fetch timeout: a proxy waits rather than serving nothing.
import { noTimeout } from '#compile/durations.ts';
import { ApiVersion, type ConfigSource, ConfigSourceSchema } from '#envoy/gen/envoy/config/core/v3/config_source_pb.js';
import { createShared } from '#envoy/shared-message.ts';

export function adsConfigSource(): ConfigSource {
  source ??= createShared(ConfigSourceSchema, {
    configSourceSpecifier: { case: 'ads', value: {} },
    initialFetchTimeout: noTimeout(),
    resourceApiVersion: ApiVersion.V3,
  });
  return source;
}

/** One for all: messages are never changed. */
let source: ConfigSource | undefined;
