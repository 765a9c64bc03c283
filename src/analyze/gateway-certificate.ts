// Two Gateways on the same workloads serve one certificate: a client that re-uses its HTTP/2 connection for the second host gets 404 (IST0138).
// Source: Istio's gateway.CertificateAnalyzer.
import type { Analyzer } from '#analyze/analyzer.ts';
import type { KindMap } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { labelsMatch } from '#model/labels.ts';

type Gateway = KindMap['Gateway'];
type Place = { readonly gateway: Gateway; readonly server: number };

export const gatewayCertificate: Analyzer = {
  name: 'gateway-certificate',
  run: ({ resources }) => {
    const places = [...resources.Gateway.values()].flatMap((gateway) => certificatesOf(gateway));
    const byCertificate = Map.groupBy(places, ({ certificate }) => certificate);
    return [...byCertificate.values()].flatMap((users) =>
      users.flatMap((user) =>
        users.filter((other) => other.gateway !== user.gateway && sharesWorkloads(user.gateway, other.gateway)).map((other) => report(user, other)),
      ),
    );
  },
};

function certificatesOf(gateway: Gateway): readonly (Place & { readonly certificate: string })[] {
  return (gateway.spec.servers ?? []).flatMap(({ tls }, server) => {
    const { credentialName = '', serverCertificate = '', privateKey = '' } = tls ?? {};
    if (credentialName !== '') return [{ gateway, server, certificate: `secret ${credentialName}` }];
    return serverCertificate === '' || privateKey === '' ? [] : [{ gateway, server, certificate: `files ${serverCertificate} ${privateKey}` }];
  });
}

/** What the first selects, the second may select too. */
function sharesWorkloads(a: Gateway, b: Gateway): boolean {
  return labelsMatch(a.spec.selector ?? {}, b.spec.selector ?? {});
}

function report(user: Place, other: Place): Diagnostic {
  return {
    code: 'IST0138',
    severity: 'warning',
    message: `Gateway ${resourceKey(other.gateway.metadata)} serves the same certificate: clients that re-use an HTTP/2 connection may get 404`,
    hint: 'put the servers of one certificate into one Gateway',
    at: user.gateway.origins.at(['spec', 'servers', user.server, 'tls']),
    related: [{ message: 'the other Gateway', at: other.gateway.origins.at(['spec', 'servers', other.server, 'tls']) }],
  };
}
