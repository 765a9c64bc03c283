// What Istio demands of a RequestAuthentication beyond its schema, as its webhook does, and keys that Envoy would refuse the whole listener for.
// Source: Istio, validateJwtRule.
import { type Finding, invalid, type Path } from '#api/finding.ts';
import { headerName } from '#api/istio/header-rules.ts';
import { checkPolicyTargets } from '#api/istio/policy-target-rules.ts';
import type { RequestAuthenticationSpec, WrittenJwtRule } from '#api/istio/request-authentication.ts';
import { readKeys } from '#base/json-web-keys.ts';

const longestUri = 2048;

/** All broken rules, in the order of the fields. */
export function checkRequestAuthentication({ spec }: { readonly spec: RequestAuthenticationSpec }): readonly Finding[] {
  const { jwtRules = [] } = spec;
  return [...checkPolicyTargets(spec), ...jwtRules.flatMap((rule, index) => checkRule(rule, ['spec', 'jwtRules', index]))];
}

function checkRule(rule: WrittenJwtRule, path: Path): readonly Finding[] {
  const { issuer, jwksUri, jwks_uri: olderUri, jwks, outputPayloadToHeader = '', outputClaimToHeaders = [], fromHeaders = [] } = rule;
  const uri = jwksUri ?? olderUri;
  const hasKeys = uri !== undefined || (jwks ?? '') !== '';
  return [
    ...(issuer === undefined && !hasKeys
      ? [invalid(path, 'key', 'a rule needs an issuer, or keys', 'write issuer, as the iss claim of the tokens has it')]
      : []),
    ...(uri === undefined ? [] : checkUri(uri, [...path, jwksUri === undefined ? 'jwks_uri' : 'jwksUri'])),
    ...((jwks ?? '') === '' ? [] : checkKeys(jwks ?? '', [...path, 'jwks'])),
    ...fromHeaders.flatMap(({ name }, index) => checkHeader(name, [...path, 'fromHeaders', index, 'name'])),
    ...(outputPayloadToHeader === '' ? [] : checkHeader(outputPayloadToHeader, [...path, 'outputPayloadToHeader'])),
    ...outputClaimToHeaders.flatMap(({ header }, index) =>
      /^[-_A-Za-z0-9]+$/.test(header)
        ? []
        : [invalid([...path, 'outputClaimToHeaders', index, 'header'], 'value', `${header} is no name of a header`, 'letters, digits, - and _')],
    ),
  ];
}

function checkUri(uri: string, path: Path): readonly Finding[] {
  if (uri.length > longestUri) return [invalid(path, 'value', `longer than ${longestUri} characters`)];
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  const isWeb = url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== '';
  return isWeb ? [] : [invalid(path, 'value', `${uri} is no URL of http or https`, 'such as https://accounts.example.com/keys')];
}

function checkKeys(jwks: string, path: Path): readonly Finding[] {
  if (readKeys(jwks) !== undefined) return [];
  return [invalid(path, 'value', 'no key set with a key that can be used', 'a JSON Web Key Set: {"keys":[{"kty":"RSA","n":"…","e":"AQAB"}]}')];
}

function checkHeader(name: string, path: Path): readonly Finding[] {
  return headerName.test(name) ? [] : [invalid(path, 'value', `${name} is no name of a header`)];
}
