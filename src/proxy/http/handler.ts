// An HTTP connection manager's configuration in, the handler of its requests out: what a filter chain starts its codecs with.
import { ok, type Result } from '#base/result.ts';
import type { HttpManagerEntry } from '#decide/listener-entry.ts';
import type { RouteTable } from '#decide/route-table.ts';
import { compileLocalReply } from '#proxy/http/local-reply-config.ts';
import { HttpManager } from '#proxy/http/manager.ts';
import type { HttpRuntime } from '#proxy/http/request-context.ts';
import type { RequestHandler } from '#proxy/http/stream.ts';
import { rbacCounter } from '#proxy/rbac-counters.ts';
import type { AccessLog } from '#telemetry/access-log.ts';

/** `routes.current` is read per request. The error names the field of the connection manager that cannot be used. */
export function buildHttpHandler(
  runtime: HttpRuntime,
  entry: HttpManagerEntry,
  routes: { readonly current: RouteTable | undefined },
  accessLog: AccessLog,
): Result<RequestHandler, string> {
  const localReply = compileLocalReply(entry.localReply);
  if (!localReply.ok) return localReply;
  const countRbac = runtime.counters && rbacCounter(runtime.counters, (policy) => ({ scope: `http.${entry.statPrefix}`, rules: policy.statPrefix }));
  return ok(new HttpManager({ runtime, entry, routes, accessLog, localReply: localReply.value, countRbac, activity: { faults: 0 } }));
}
