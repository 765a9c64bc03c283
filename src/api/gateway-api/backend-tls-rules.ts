// What the CRD of BackendTLSPolicy demands beyond its schema (its CEL rules): a policy that breaks one is refused.
import { isIP } from 'node:net';
import { type Finding, invalid } from '#api/finding.ts';
import type { BackendTlsPolicySpec } from '#api/gateway-api/backend-tls-policy.ts';

export function checkBackendTlsPolicy({ spec }: { readonly spec: BackendTlsPolicySpec }): readonly Finding[] {
  const { targetRefs, validation } = spec;
  const { caCertificateRefs = [], wellKnownCACertificates, hostname, subjectAltNames = [] } = validation;
  const path = ['spec', 'validation'];
  const found: Finding[] = [];
  if (caCertificateRefs.length > 0 && wellKnownCACertificates !== undefined)
    found.push(invalid([...path, 'wellKnownCACertificates'], 'key', 'roots are either named or well known', 'leave caCertificateRefs or this out'));
  if (caCertificateRefs.length === 0 && wellKnownCACertificates === undefined) {
    const hint = 'add caCertificateRefs with a ConfigMap, or wellKnownCACertificates: System';
    found.push(invalid(path, 'value', 'it does not say which roots vouch for the server', hint));
  }
  if (isIP(hostname) !== 0) found.push(invalid([...path, 'hostname'], 'value', 'a server name cannot be an IP address'));
  for (const [index, { type, hostname: host, uri }] of subjectAltNames.entries()) {
    const at = [...path, 'subjectAltNames', index];
    const wanted = type === 'URI' ? uri : host;
    const other = type === 'URI' ? host : uri;
    if (wanted === undefined) found.push(invalid(at, 'value', `a name of type ${type} needs ${type === 'URI' ? 'uri' : 'hostname'}`));
    if (other !== undefined) found.push(invalid(at, 'value', `a name of type ${type} has no ${type === 'URI' ? 'hostname' : 'uri'}`));
  }
  for (const [index, target] of targetRefs.entries()) {
    const alike = targetRefs
      .slice(0, index)
      .filter(({ group, kind, name }) => group === target.group && kind === target.kind && name === target.name);
    if (alike.some(({ sectionName }) => sectionName === target.sectionName || (sectionName ?? '') === '' || (target.sectionName ?? '') === '')) {
      const message = `${target.kind} ${target.name} is targeted twice`;
      found.push(invalid(['spec', 'targetRefs', index], 'value', message, 'one target as a whole, or its sections one by one'));
    }
  }
  return found;
}
