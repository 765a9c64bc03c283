// The pods of a headless service by their own names, `db-0.db.default.svc.cluster.local`, as services of one pod each. On a cluster nobody needs
// them: the app looks the name up, and the proxy passes its connections on. Where nothing is redirected the proxy has to know them.
import type { Service } from '#model/service.ts';

/** One for each pod behind the service, by name; none for a service that has an address of its own. */
export function podServices(service: Service): readonly Service[] {
  if (!service.headless) return [];
  const pods = Map.groupBy(service.endpoints, ({ workload = '' }) => workload);
  return [...pods].flatMap(([workload, endpoints]) => {
    const name = workload.slice(workload.indexOf('/') + 1);
    return name === '' ? [] : [{ ...service, hostname: `${name}.${service.hostname}`, name, headless: false, endpoints }];
  });
}
