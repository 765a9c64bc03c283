// A mesh of a thousand Services and a headless one of fifty pods, as a name table.
import { create } from '@bufbuild/protobuf';
import { type NameTable, NameTableSchema } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';

export const services = 1_000;

export function benchTable(): NameTable {
  const hosts = Array.from({ length: services }, (_, index) => {
    const info = { registry: 'Kubernetes', shortname: `svc-${index}`, namespace: 'shop', ips: [`10.1.${index >> 8}.${index & 255}`] };
    return [`svc-${index}.shop.svc.cluster.local`, info] as const;
  });
  const pods = Array.from({ length: 50 }, (_, index) => `10.2.0.${index + 1}`);
  return create(NameTableSchema, {
    table: {
      ...Object.fromEntries(hosts),
      'db.shop.svc.cluster.local': { registry: 'Kubernetes', shortname: 'db', namespace: 'shop', ips: pods, headless: true },
      'api.example.com': { registry: 'External', ips: ['240.240.1.1'] },
    },
  });
}
