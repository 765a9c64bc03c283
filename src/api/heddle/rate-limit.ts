// heddle.dev RateLimit, Heddle's own kind: how many requests a workload or gateway takes, of all clients together or of each, and how large they
// may be. Istio has no such kind; the words are those of its others.
import { array, duration, integer, map, object, required, type Static, string } from '#api/schema.ts';

const stringMatch = object({ exact: string(), prefix: string(), regex: string() }, { atMostOneOf: [['exact', 'prefix', 'regex']] });

const match = object({ uri: stringMatch, method: stringMatch, authority: stringMatch, headers: map(stringMatch), queryParams: map(stringMatch) });

/** What each value of has a limit of its own. */
const key = object(
  { clientAddress: object({}), header: string({ minLength: 1 }), claim: string({ minLength: 1 }) },
  { atMostOneOf: [['clientAddress', 'header', 'claim']] },
);

const limit = object({
  requests: required(integer({ minimum: 1, maximum: 4_294_967_295 })),
  per: duration(),
  burst: integer({ minimum: 1, maximum: 4_294_967_295 }),
});

const rule = object({ name: required(string({ format: 'dns-label' })), match, by: array(key, { minItems: 1 }), limit: required(limit) });

const targetRef = object({ group: string(), kind: required(string({ minLength: 1 })), name: required(string({ minLength: 1 })) });

export const rateLimitSpec = object(
  {
    selector: object({ matchLabels: map(string()) }),
    targetRefs: array(targetRef, { minItems: 1, maxItems: 16 }),
    rules: array(rule, { maxItems: 100 }),
    maxBodyBytes: integer({ minimum: 1, maximum: 4_294_967_295 }),
    maxHeaderKilobytes: integer({ minimum: 1, maximum: 8192 }),
  },
  { atMostOneOf: [['selector', 'targetRefs']] },
);

export type RateLimitSpec = Static<typeof rateLimitSpec>;
