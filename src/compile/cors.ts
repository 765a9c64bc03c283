// The CORS policy of a rule, as what its route tells the CORS filter. Source: Istio, TranslateCORSPolicy.
import type { Any } from '@bufbuild/protobuf/wkt';
import { fractionOf } from '#compile/percent.ts';
import { stringMatcher } from '#compile/string-matcher.ts';
import { packAny } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import { CorsPolicySchema } from '#envoy/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { StringMatcherSchema } from '#envoy/gen/envoy/type/matcher/v3/string_pb.js';
import type { CorsPolicy } from '#model/virtual-service.ts';

export function corsConfig(policy: CorsPolicy): Any {
  return packAny(CorsPolicySchema, {
    allowOriginStringMatch: policy.allowOrigins.flatMap((origin) => {
      const matcher = stringMatcher(origin);
      return matcher === undefined ? [] : [create(StringMatcherSchema, matcher)];
    }),
    allowMethods: policy.allowMethods.join(','),
    allowHeaders: policy.allowHeaders.join(','),
    exposeHeaders: policy.exposeHeaders.join(','),
    // Envoy has it as a header's text, in whole seconds.
    ...(policy.maxAgeMs !== undefined && { maxAge: String(Math.floor(policy.maxAgeMs / 1000)) }),
    ...(policy.allowCredentials !== undefined && { allowCredentials: policy.allowCredentials }),
    filterEnabled: { defaultValue: fractionOf(100) },
    forwardNotMatchingPreflights: policy.unmatchedPreflights === 'forward',
  });
}
