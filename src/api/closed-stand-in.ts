// What is in force in place of a policy that cannot be read, as long as there is no earlier version of it: nothing fails open. A policy with a
// mistake is not left out, as other resources are; whatever goes to the workloads it is for is denied until it is right, of tokens none is believed, and
// nothing is taken in plaintext.
import { authorizationPolicySpec } from '#api/istio/authorization-policy.ts';
import { type PeerAuthenticationSpec, peerAuthenticationSpec } from '#api/istio/peer-authentication.ts';
import { checkPeerAuthentication } from '#api/istio/peer-authentication-rules.ts';
import { checkPolicyTargets } from '#api/istio/policy-target-rules.ts';
import { requestAuthenticationSpec } from '#api/istio/request-authentication.ts';
import { checkRequestAuthentication } from '#api/istio/request-authentication-rules.ts';
import { lookUpKind } from '#api/kind-lookup.ts';
import type { KindName } from '#api/kinds.ts';
import type { ObjectMeta } from '#api/resource.ts';
import type { Schema } from '#api/schema.ts';
import { validate } from '#api/validate.ts';
import { keysOfNobody } from '#base/json-web-keys.ts';
import { isObject } from '#base/object.ts';

const policies = ['AuthorizationPolicy', 'RequestAuthentication', 'PeerAuthentication'] as const satisfies readonly KindName[];

/** Kinds of policies that do not fall away when they are wrong. */
export function closesWhenWrong(kind: KindName): boolean {
  return policies.some((policy) => policy === kind);
}

/**
 * The policy that can only have been meant by an apiVersion and a kind that are none: a kind that is misspelt, or of another version or group. Undefined
 * where it may as well be something else's: a kind of a group that is not known, or like no other.
 */
export function policyMeantBy(apiVersion: string, kind: string): KindName | undefined {
  const lookup = lookUpKind(apiVersion, kind);
  const meant = lookup.kind === 'unknown-version' ? kind : lookup.kind === 'unknown' ? lookup.guess?.kind : undefined;
  return policies.find((policy) => policy === meant);
}

/** The body of the stand-in for a resource of this kind with this body; undefined for kinds that close nothing, or policies that decide nothing. */
export function closedStandIn(kind: KindName, body: Readonly<Record<string, unknown>>, metadata: ObjectMeta): object | undefined {
  const spec = isObject(body['spec']) ? body['spec'] : {};
  if (kind === 'RequestAuthentication') return { spec: { ...readableTargets(spec), jwtRules: rulesOfNobody(spec['jwtRules']) } };
  if (kind === 'PeerAuthentication') return mutualTlsOnly(spec, metadata);
  if (kind !== 'AuthorizationPolicy') return undefined;
  if (spec['action'] === 'AUDIT' || metadata.annotations['istio.io/dry-run'] === 'true') return undefined;
  return { spec: { ...readableTargets(spec), action: 'DENY', rules: [{}] } };
}

const tokenFields = ['fromHeaders', 'fromParams', 'fromCookies', 'outputPayloadToHeader', 'outputClaimToHeaders'] as const;

/** Rules that look for tokens where the written ones do, as far as that can be read, and take none; and let nobody write the headers that they make. */
function rulesOfNobody(written: unknown): readonly object[] {
  const closed = (Array.isArray(written) ? written : []).filter(isObject).map((rule) => {
    const readable = tokenFields.filter((name) => {
      const { [name]: value } = rule;
      const one = { spec: { jwtRules: [{ jwks: keysOfNobody, [name]: value }] } };
      return value !== undefined && validate(requestAuthenticationSpec, one.spec).length === 0 && checkRequestAuthentication(one).length === 0;
    });
    return { jwks: keysOfNobody, ...Object.fromEntries(readable.map((name) => [name, rule[name]])) };
  });
  return [...closed, { jwks: keysOfNobody }];
}

/**
 * For all that the policy is for. Where that cannot be read it is for its namespace, and counts before those that can: of two for a namespace only the
 * older one is in force.
 */
function mutualTlsOnly({ selector }: Readonly<Record<string, unknown>>, metadata: ObjectMeta): object {
  const mtls = { mode: 'STRICT' };
  if (selector === undefined) return { spec: { mtls } };
  const alone = { selector };
  // The rules beyond the schema read what fits it.
  const isReadable =
    validate(peerAuthenticationSpec, alone).length === 0 && checkPeerAuthentication({ spec: alone as PeerAuthenticationSpec }).length === 0;
  if (isReadable) return { spec: { selector, mtls } };
  return { metadata: { ...metadata, creationTimestamp: '0001-01-01T00:00:00Z' }, spec: { mtls } };
}

/** Whom the policy is for, where that much can be read; else it is for its whole namespace. */
function readableTargets(spec: Readonly<Record<string, unknown>>): object {
  const written = (['selector', 'targetRef', 'targetRefs'] as const).filter((name) => spec[name] !== undefined);
  const [name] = written;
  if (name === undefined || written.length > 1) return {};
  const schema: Schema | undefined = authorizationPolicySpec.properties?.[name];
  const targets = { [name]: spec[name] };
  const isReadable = schema !== undefined && validate(schema, spec[name]).length === 0 && checkPolicyTargets(targets).length === 0;
  return isReadable ? targets : {};
}
