// A mesh's rules by what they are looked up with. Made once per mesh, shared by all scopes.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Origin } from '#base/origin.ts';
import { sourceLabelNames } from '#compile/client.ts';
import { DestinationRuleIndex } from '#compile/destination-rule-index.ts';
import { indexPeerAuthentications, type PeerAuthenticationIndex } from '#model/effective-mtls.ts';
import type { Mesh } from '#model/mesh.ts';
import { allServices, type Service } from '#model/service.ts';
import type { VirtualService } from '#model/virtual-service.ts';

export type MeshIndex = {
  /** By `mesh`, or `namespace/name` of a Gateway; in order of precedence. */
  readonly virtualServices: ReadonlyMap<string, readonly VirtualService[]>;
  /** By namespace, in the order of their names. */
  readonly services: ReadonlyMap<string, readonly Service[]>;
  readonly sourceLabelNames: readonly string[];
  /** The mesh's findings by their place. */
  readonly faults: ReadonlyMap<Origin, Diagnostic>;
  readonly destinationRules: DestinationRuleIndex;
  readonly peerAuthentications: PeerAuthenticationIndex;
};

export function indexMesh(mesh: Mesh): MeshIndex {
  const virtualServices = new Map<string, VirtualService[]>();
  for (const virtualService of mesh.virtualServices) {
    const { gateways } = virtualService;
    for (const gateway of gateways.length > 1 ? new Set(gateways) : gateways) {
      const known = virtualServices.get(gateway);
      if (known === undefined) virtualServices.set(gateway, [virtualService]);
      else known.push(virtualService);
    }
  }
  const sorted = [...allServices(mesh)].sort((a, b) => (a.hostname < b.hostname ? -1 : 1));
  const services = Map.groupBy(sorted, ({ namespace }) => namespace);
  return {
    virtualServices,
    services,
    sourceLabelNames: sourceLabelNames(mesh.virtualServices),
    faults: new Map(mesh.diagnostics.flatMap((finding) => (finding.at === undefined ? [] : [[finding.at, finding]]))),
    destinationRules: new DestinationRuleIndex(mesh.destinationRules),
    peerAuthentications: indexPeerAuthentications(mesh.peerAuthentications, mesh.settings.rootNamespace),
  };
}
