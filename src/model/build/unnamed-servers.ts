// TLS towards a service that is many hosts, where neither the rule nor a request says by which name a server is known: there is no way to it. In: the mesh. Out: a
// warning for each such rule, once.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { ClientTls } from '#model/destination-rule.ts';
import { effectivePolicy } from '#model/effective-policy.ts';
import { isWildcard } from '#model/hostname.ts';
import type { Mesh } from '#model/mesh.ts';
import { isHttp } from '#model/protocol.ts';

/** HDL0084. */
export function unnamedServers({ destinationRules, services }: Pick<Mesh, 'destinationRules' | 'services'>): readonly Diagnostic[] {
  return destinationRules.flatMap((rule) => {
    const service = isWildcard(rule.host.hostname) ? services.get(rule.host.hostname) : undefined;
    const found = new Set<ClientTls>();
    for (const { number, protocol } of service?.ports ?? []) {
      // Requests say which server they are for.
      if (isHttp(protocol)) continue;
      const tls = effectivePolicy(rule, number, undefined)?.tls;
      const begins = tls?.mode === 'simple' || tls?.mode === 'mutual';
      const named = (tls?.sni ?? service?.subjectAltNames?.[0] ?? tls?.subjectAltNames[0]) !== undefined;
      if (tls !== undefined && begins && !named && !tls.insecureSkipVerify) found.add(tls);
    }
    return [...found].map(({ origin }) => ({
      code: 'HDL0084',
      severity: 'warning',
      message: `calls to ${rule.host.hostname} fail: nothing says which name the certificates of its servers must have`,
      hint: 'add sni or subjectAltNames, or rules for the single hosts',
      at: origin,
    }));
  });
}
