// A ServiceEntry with a TCP port and no address: its traffic cannot be told from other TCP traffic to that port (IST0134). Source: Istio's
// serviceentry.ProtocolAddressesAnalyzer.
import type { Analyzer } from '#analyze/analyzer.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

export const serviceEntryAddress: Analyzer = {
  name: 'service-entry-address',
  run: ({ resources }) =>
    [...resources.ServiceEntry.values()].flatMap(({ spec, origins }) => {
      if (spec.addresses !== undefined) return [];
      return (spec.ports ?? []).flatMap(({ number, protocol = 'TCP' }, index): readonly Diagnostic[] => {
        if (protocol !== '' && protocol.toUpperCase() !== 'TCP') return [];
        const message = `TCP port ${number} needs an address: without one its traffic cannot be told from other traffic to port ${number}`;
        return [{ code: 'IST0134', severity: 'warning', message, hint: 'add addresses', at: origins.at(['spec', 'ports', index]) }];
      });
    }),
};
