// What Istio demands of a PeerAuthentication beyond its schema, as its webhook does. Source: Istio, ValidatePeerAuthentication.
import { type Finding, invalid } from '#api/finding.ts';
import type { PeerAuthenticationSpec } from '#api/istio/peer-authentication.ts';

/** All broken rules, in the order of the fields. */
export function checkPeerAuthentication({ spec }: { readonly spec: PeerAuthenticationSpec }): readonly Finding[] {
  const { selector, portLevelMtls } = spec;
  const labels = Object.entries(selector?.matchLabels ?? {});
  const path = ['spec', 'portLevelMtls'];
  const found: Finding[] = [];
  for (const [name, value] of labels) {
    if (name === '' || name.includes('*') || value.includes('*')) {
      found.push(invalid(['spec', 'selector', 'matchLabels', name], 'value', 'labels are compared as they stand: wildcards mean nothing here'));
    }
  }
  if (portLevelMtls === undefined) return found;
  const ports = Object.keys(portLevelMtls);
  if (ports.length === 0) found.push(invalid(path, 'key', 'the settings by port say nothing', 'add a port, or leave portLevelMtls out'));
  if (ports.length > 0 && labels.length === 0) {
    found.push(invalid(path, 'key', 'portLevelMtls needs a selector: ports belong to workloads', 'add selector.matchLabels, or write mtls'));
  }
  for (const port of ports) {
    if (!isPort(port)) found.push(invalid([...path, port], 'key', `${port} is no port number`, 'a number from 1 to 65535'));
  }
  return found;
}

function isPort(text: string): boolean {
  const number = Number(text);
  return /^\d+$/.test(text) && number >= 1 && number <= 65_535;
}
