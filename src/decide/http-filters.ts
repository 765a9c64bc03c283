// The http_filters of a connection manager, compiled: one list, in the order of the configuration, the router last.
import type { Problems } from '#decide/config-error.ts';
import { compileHttpExtAuthz } from '#decide/ext-authz.ts';
import { unpackExtension } from '#decide/extension.ts';
import { compileFault } from '#decide/fault.ts';
import { compileFilterState } from '#decide/filter-state.ts';
import type { HttpFilterEntry } from '#decide/http-filter.ts';
import { compileJwt } from '#decide/jwt.ts';
import { compileRateLimit } from '#decide/rate-limit.ts';
import { compileHttpRbac } from '#decide/rbac.ts';
import { oncePerContent } from '#decide/same-content.ts';
import type { HttpFilter } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';

export function compileHttpFilters(filters: readonly HttpFilter[], field: string, problems: Problems): readonly HttpFilterEntry[] {
  const entries = filters.flatMap((filter, index) => compileHttpFilter(filter, `${field}[${index}]`, problems) ?? []);
  if (entries.at(-1)?.kind !== 'router') problems.report(field, 'the last HTTP filter must be the router');
  return entries;
}

function compileHttpFilter({ name, disabled, isOptional, configType }: HttpFilter, field: string, problems: Problems): HttpFilterEntry | undefined {
  const any = configType.case === 'typedConfig' ? configType.value : undefined;
  const message = any === undefined ? undefined : oncePerContent('message', any, problems, () => unpackExtension(any));
  const at = `${field}.typed_config`;
  if (any !== undefined && message !== undefined) {
    if (message.$typeName === 'envoy.extensions.filters.http.router.v3.Router')
      return { kind: 'router', name, disabled, suppressEnvoyHeaders: message.suppressEnvoyHeaders };
    if (message.$typeName === 'envoy.extensions.filters.http.rbac.v3.RBAC') {
      return { kind: 'rbac', name, disabled, policy: oncePerContent('policy', any, problems, () => compileHttpRbac(message, at, problems)) };
    }
    if (message.$typeName === 'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication')
      return { kind: 'jwt', name, disabled, jwt: compileJwt(message, at, problems) };
    if (message.$typeName === 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz')
      return { kind: 'ext-authz', name, disabled, authz: compileHttpExtAuthz(message, at, problems) };
    if (message.$typeName === 'envoy.extensions.filters.http.cors.v3.Cors') return { kind: 'cors', name, disabled };
    if (message.$typeName === 'envoy.extensions.filters.http.fault.v3.HTTPFault')
      return { kind: 'fault', name, disabled, fault: compileFault(message, at, problems) };
    if (message.$typeName === 'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit')
      return { kind: 'rate-limit', name, disabled, limit: compileRateLimit(message, false, at, problems) };
    if (message.$typeName === 'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb') return { kind: 'grpc-web', name, disabled };
    // Envoy looks the host up in here; this proxy does so as it connects.
    if (message.$typeName === 'envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig') return undefined;
    if (message.$typeName === 'envoy.extensions.filters.http.set_filter_state.v3.Config')
      return { kind: 'filter-state', name, disabled, protocols: compileFilterState(message, at, problems) };
    if (message.$typeName === 'envoy.extensions.filters.http.buffer.v3.Buffer')
      return { kind: 'buffer', name, disabled, maxBytes: message.maxRequestBytes ?? 0 };
  }
  // Envoy passes over an optional filter that it does not know.
  if (!isOptional) problems.report(field, `HTTP filter ${name} is not supported`);
  return undefined;
}
