// Envoy's set_filter_state filter, as far as it says which ALPN names connections to a request's cluster offer (`envoy.network.application_protocols`,
// in place of the cluster's own). In: its configuration, in the connection manager or at a route. Out: the names. Objects under other keys, and values
// that are made of the request, would change things that this proxy does not have: they are refused.
import type { Problems } from '#decide/config-error.ts';
import type { HttpFilterEntry } from '#decide/http-filter.ts';
import type { RouteDecision } from '#decide/route-entry.ts';
import type { Config } from '#envoy/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js';

const protocolsKey = 'envoy.network.application_protocols';

/** Undefined where it sets nothing. */
export function compileFilterState({ onRequestHeaders }: Config, field: string, problems: Problems): readonly string[] | undefined {
  let protocols: readonly string[] | undefined;
  for (const [index, { key, factoryKey, value }] of onRequestHeaders.entries()) {
    const at = `${field}.on_request_headers[${index}]`;
    if (key.case !== 'objectKey' || key.value !== protocolsKey || factoryKey !== '')
      problems.report(at, `only the object ${protocolsKey} is supported`);
    const text = value.case === 'formatString' ? textOf(value.value) : undefined;
    if (text === undefined || text.includes('%')) problems.report(`${at}.format_string`, 'only text without commands is supported');
    else protocols = text.split(',');
  }
  return protocols;
}

type Format = Extract<Config['onRequestHeaders'][number]['value'], { readonly case: 'formatString' }>['value'];

function textOf({ format }: Format): string | undefined {
  if (format.case === 'textFormat') return format.value;
  return format.case === 'textFormatSource' && format.value.specifier.case === 'inlineString' ? format.value.specifier.value : undefined;
}

/** What the filters of a manager, and the route, say of a request's connections; undefined: as the cluster says. */
export function upstreamProtocols(filters: readonly HttpFilterEntry[], decision: RouteDecision): readonly string[] | undefined {
  const ofRoute = decision.kind === 'forward' ? decision.target.filters : undefined;
  let protocols: readonly string[] | undefined;
  for (const filter of filters) {
    if (filter.kind !== 'filter-state') continue;
    const said = ofRoute?.get(filter.name);
    if (said === undefined ? filter.disabled : said.kind === 'off') continue;
    // Envoy applies the manager's values, then the route's.
    protocols = (said?.kind === 'filter-state' ? said.protocols : undefined) ?? filter.protocols ?? protocols;
  }
  return protocols;
}
