// RequestAuthentications as the model has them, with Istio's defaults.
import type { WrittenJwtRule } from '#api/istio/request-authentication.ts';
import type { KindMap } from '#api/kinds.ts';
import { parseDurationMs } from '#base/duration.ts';
import { publicKeySet } from '#base/json-web-keys.ts';
import type { Origin } from '#base/origin.ts';
import { createdMs } from '#model/build/precedence.ts';
import { targetReferences } from '#model/build/target-references.ts';
import type { JwtRule, RequestAuthentication } from '#model/request-authentication.ts';

const defaultTimeoutMs = 5000;

export function buildRequestAuthentication({ metadata, spec, origins }: KindMap['RequestAuthentication']): RequestAuthentication {
  const { selector, targetRef, targetRefs = [], jwtRules = [] } = spec;
  const made = createdMs(metadata);
  const single = targetRef === undefined ? [] : [{ group: targetRef.group ?? '', kind: targetRef.kind, name: targetRef.name }];
  const targets =
    targetRefs.length > 0
      ? targetReferences(targetRefs, origins)
      : single.map((target) => ({ ...target, origin: origins.at(['spec', 'targetRef']) }));
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    ...(selector !== undefined && { selector: selector.matchLabels ?? {} }),
    ...(targets.length > 0 && { targets }),
    rules: jwtRules.map((rule, index) => buildRule(rule, origins.at(['spec', 'jwtRules', index]))),
    ...(made > 0 && { createdMs: made }),
    origin: origins.start,
  };
}

function buildRule(rule: WrittenJwtRule, origin: Origin): JwtRule {
  const { issuer = '', audiences = [], fromHeaders = [], fromParams = [], fromCookies = [], outputPayloadToHeader = '', timeout } = rule;
  return {
    issuer,
    audiences,
    keys: keysOf(rule),
    fromHeaders: fromHeaders.map(({ name, prefix = '' }) => ({ name, prefix })),
    fromParameters: fromParams,
    fromCookies,
    forwardsToken: rule.forwardOriginalToken ?? false,
    ...(outputPayloadToHeader !== '' && { payloadHeader: outputPayloadToHeader }),
    claimHeaders: rule.outputClaimToHeaders ?? [],
    spaceDelimitedClaims: rule.spaceDelimitedClaims ?? [],
    timeoutMs: (timeout === undefined ? undefined : parseDurationMs(timeout)) || defaultTimeoutMs,
    origin,
  };
}

/** Keys that are written down count before those that are to be fetched. */
function keysOf({ jwks = '', jwksUri, jwks_uri: olderUri }: WrittenJwtRule): JwtRule['keys'] {
  if (jwks !== '') {
    const { text, heldPrivate } = publicKeySet(jwks);
    return { kind: 'inline', jwks: text, ...(heldPrivate && { heldPrivate }) };
  }
  const uri = jwksUri ?? olderUri;
  return uri === undefined ? { kind: 'discovery' } : { kind: 'uri', uri };
}
