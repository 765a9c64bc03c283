// Copies of requests that a rule asks for. Source: Istio, TranslateRequestMirrorPolicy.
import { fractionOf } from '#compile/percent.ts';
import { create } from '#envoy/create.ts';
import { type RouteAction_RequestMirrorPolicy, RouteAction_RequestMirrorPolicySchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';

/** `percent` is 0–100 of the route's requests. The Host of a copy ends in `-shadow`, so that who gets it can tell. */
export function mirrorPolicy(cluster: string, percent: number): RouteAction_RequestMirrorPolicy {
  return create(RouteAction_RequestMirrorPolicySchema, {
    cluster,
    runtimeFraction: { defaultValue: fractionOf(percent) },
    traceSampled: false,
  });
}
