// security.istio.io RequestAuthentication, whole: https://istio.io/latest/docs/reference/config/security/request_authentication/
import { anything, array, boolean, duration, map, object, required, type Static, string } from '#api/schema.ts';

const texts = () => array(string({ minLength: 1 }));

const jwtRule = object(
  {
    issuer: string({ minLength: 1 }),
    audiences: texts(),
    jwksUri: string({ minLength: 1 }),
    /** The older spelling. */
    jwks_uri: string({ minLength: 1 }),
    jwks: string(),
    fromHeaders: array(object({ name: required(string({ minLength: 1 })), prefix: string() })),
    fromParams: texts(),
    fromCookies: texts(),
    outputPayloadToHeader: string(),
    forwardOriginalToken: boolean(),
    outputClaimToHeaders: array(object({ header: required(string({ minLength: 1 })), claim: required(string({ minLength: 1 })) })),
    timeout: duration(),
    spaceDelimitedClaims: array(string({ minLength: 1 }), { maxItems: 64 }),
    /** Part of Istio's API, and read by nobody there. */
    presence: anything(),
  },
  { atMostOneOf: [['jwksUri', 'jwks_uri', 'jwks']] },
);

const targetRef = object({
  group: string(),
  kind: required(string({ minLength: 1 })),
  name: required(string({ minLength: 1 })),
  namespace: string(),
});

export const requestAuthenticationSpec = object(
  {
    selector: object({ matchLabels: map(string()) }),
    targetRef,
    targetRefs: array(targetRef, { maxItems: 16 }),
    jwtRules: array(jwtRule, { maxItems: 4096 }),
  },
  { atMostOneOf: [['selector', 'targetRef', 'targetRefs']] },
);

export type RequestAuthenticationSpec = Static<typeof requestAuthenticationSpec>;
export type WrittenJwtRule = Static<typeof jwtRule>;
