// networking.istio.io WorkloadGroup, whole: https://istio.io/latest/docs/reference/config/networking/workload-group/
import { workloadEntrySpec } from '#api/istio/workload-entry.ts';
import { array, integer, map, object, oneOf, port, required, type Static, string } from '#api/schema.ts';

const count = integer({ minimum: 0 });

/** Also ProxyConfig.readinessProbe. */
export const workloadProbe = object(
  {
    initialDelaySeconds: count,
    timeoutSeconds: count,
    periodSeconds: count,
    successThreshold: count,
    failureThreshold: count,
    httpGet: object({
      path: string(),
      port: required(port()),
      host: string(),
      scheme: oneOf('', 'HTTP', 'HTTPS'),
      httpHeaders: array(object({ name: required(string({ minLength: 1 })), value: string() })),
    }),
    tcpSocket: object({ host: string(), port: required(port()) }),
    exec: object({ command: required(array(string({ minLength: 1 }), { minItems: 1 })) }),
    grpc: object({ port: port(), service: string() }),
  },
  { atMostOneOf: [['httpGet', 'tcpSocket', 'exec', 'grpc']] },
);

export const workloadGroupSpec = object({
  metadata: object({ labels: map(string()), annotations: map(string()) }),
  template: required(workloadEntrySpec),
  probe: workloadProbe,
});

export type WorkloadGroupSpec = Static<typeof workloadGroupSpec>;
export type WorkloadProbe = Static<typeof workloadProbe>;
