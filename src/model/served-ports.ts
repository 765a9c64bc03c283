// What the ports of a workload carry, as far as services say: that decides whether a rule about HTTP can be acted on there.
import type { Mesh } from '#model/mesh.ts';
import { isHttpOrSniffed } from '#model/protocol.ts';
import { serviceSelects } from '#model/service-selection.ts';
import type { Workload } from '#model/workload.ts';

export type ServedPorts = {
  /** Ports of the workload that carry HTTP, or may. */
  readonly http: ReadonlySet<number>;
  /** Ports that carry bytes to its proxy. */
  readonly bytes: ReadonlySet<number>;
};

/** Of a workload behind sidecars. A port that no service names carries what comes; none of them is in here. */
export function servedPorts({ workload }: { readonly workload: Workload }, mesh: Pick<Mesh, 'services'>): ServedPorts {
  const http = new Set<number>();
  const bytes = new Set<number>();
  for (const service of mesh.services.values()) {
    if (service.registry !== 'kubernetes' || !serviceSelects(service, workload)) continue;
    for (const { targetPort, protocol } of service.ports) {
      const number = typeof targetPort === 'number' ? targetPort : workload.ports.find(({ name }) => name === targetPort)?.number;
      if (number === undefined || protocol === 'udp') continue;
      (isHttpOrSniffed(protocol) ? http : bytes).add(number);
    }
  }
  for (const port of http) bytes.delete(port);
  return { http, bytes };
}
