// A Service port whose protocol cannot be told from appProtocol or the name's prefix, so that it has to be sniffed: IST0118, and IST0150 for
// Services of type ExternalName. Source: Istio's service.PortNameAnalyzer and "Protocol selection".
import type { Analyzer } from '#analyze/analyzer.ts';
import { isComposeFile } from '#api/compose/read-compose.ts';
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { protocolOf } from '#model/build/protocol.ts';

export const portName: Analyzer = {
  name: 'port-name',
  run: ({ resources }) => [...resources.Service.values()].filter((service) => !isManaged(service)).flatMap(checkService),
};

function checkService({ spec, origins }: KindMap['Service']): readonly Diagnostic[] {
  return (spec.ports ?? []).flatMap(({ name = '', port, appProtocol, protocol }, index): readonly Diagnostic[] => {
    const isExternal = spec.type === 'ExternalName';
    const told = protocolOf({ number: port, name, appProtocol, transport: protocol }) !== 'auto';
    if (told && !(isExternal && name === 'tcp')) return [];
    const at = origins.at(name === '' ? ['spec', 'ports', index] : ['spec', 'ports', index, 'name']);
    if (isExternal) {
      const message = `port ${port} of an ExternalName Service needs a name that tells its protocol, and tcp is none that works here`;
      return [{ code: 'IST0150', severity: 'warning', message, hint: 'call it http, https or tls, or begin with one of them', at }];
    }
    const message = name === '' ? `port ${port} has no name that tells its protocol` : `port name ${name} does not tell the protocol of port ${port}`;
    return [
      {
        code: 'IST0118',
        severity: 'info',
        message,
        hint: 'set appProtocol, or begin the name with http, http2, grpc, https, tls or tcp: the protocol is sniffed',
        at,
      },
    ];
  });
}

/** Istio's own Services, those made for a Gateway, and those of a compose file, which has no names for ports, are not the user's to name. */
function isManaged({ metadata: { labels }, origins }: KindMap['Service']): boolean {
  if (isComposeFile(origins.start.file)) return true;
  return labels['istio'] !== undefined || labels['release'] === 'istio' || (labels['gateway.istio.io/managed'] ?? '') !== '';
}
