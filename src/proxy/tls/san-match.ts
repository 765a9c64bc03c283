// Subject alternative name matching, as Envoy's match_typed_subject_alt_names: one name that one matcher takes is enough.
import type { SanMatch } from '#decide/tls-entry.ts';
import type { PeerNames } from '#proxy/tls/peer-names.ts';

export function sanMatches(names: PeerNames, matchers: readonly SanMatch[]): boolean {
  return matchers.some((matcher) => namesOfType(names, matcher.type).some((name) => matcher.matches(name)));
}

function namesOfType(names: PeerNames, type: SanMatch['type']): readonly string[] {
  switch (type) {
    case 'dns':
      return names.dnsNames;
    case 'uri':
      return names.uris;
    case 'email':
      return names.emails;
    case 'ip':
      return names.addresses;
    case 'any':
      return [...names.dnsNames, ...names.uris, ...names.emails, ...names.addresses];
  }
}
