// Requests to sniffed ports: their clusters carry bytes as well, so each request's route says that it comes as HTTP (docs/adr/0008). In: a destination
// of a route. Out: whether the route must say so, and in which words.
import type { Any } from '@bufbuild/protobuf/wkt';
import { clientProtocols } from '#compile/mesh-alpn.ts';
import { packSharedAny } from '#envoy/any.ts';
import { ConfigSchema } from '#envoy/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js';
import type { DestinationRule } from '#model/destination-rule.ts';
import { effectivePolicy } from '#model/effective-policy.ts';
import type { Service } from '#model/service.ts';

/** The filter that the routes speak to. */
export const filterStateFilter = 'envoy.filters.http.set_filter_state';

/** Only for mutual TLS of the mesh: servers of others would not know the names. `rule` is asked for sniffed ports alone. */
export function saysHttp(
  service: Pick<Service, 'ports' | 'external'> | undefined,
  port: number,
  subset: string | undefined,
  rule: () => DestinationRule | undefined,
): boolean {
  if (service?.ports.find(({ number }) => number === port)?.protocol !== 'auto') return false;
  const inForce = rule();
  const named = subset === undefined ? undefined : inForce?.subsets.find(({ name }) => name === subset);
  const mode = effectivePolicy(inForce, port, named)?.tls?.mode;
  return mode === undefined ? !service.external : mode === 'istio-mutual';
}

/** What a route, or one of its weighted clusters, says to the filter. The same object each time. */
export function httpOverMutualTls(): Readonly<Record<string, Any>> {
  config ??= {
    [filterStateFilter]: packSharedAny(ConfigSchema, {
      onRequestHeaders: [
        {
          key: { case: 'objectKey', value: 'envoy.network.application_protocols' },
          value: {
            case: 'formatString',
            value: {
              format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: clientProtocols.mirrored.join(',') } } },
            },
          },
        },
      ],
    }),
  };
  return config;
}

let config: Readonly<Record<string, Any>> | undefined;
