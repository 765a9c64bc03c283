// Which fields of the Gateway API's kinds have an effect: the lines of these kinds in the table of `api/effect.ts`.
import type { Effect } from '#api/effect-walk.ts';

const rule: Effect = { name: 'all', matches: 'all', filters: 'all', backendRefs: 'all', timeouts: 'all', retry: 'all' };
const route: Effect = { spec: { parentRefs: 'all', hostnames: 'all', rules: rule }, status: 'all' };

const listeners: Effect = {
  name: 'all',
  hostname: 'all',
  port: 'all',
  protocol: 'all',
  tls: { mode: 'all', certificateRefs: 'all', options: 'all' },
  allowedRoutes: 'all',
};

export const gatewayApiEffects = {
  GatewayClass: { spec: { controllerName: 'all', description: 'all' }, status: 'all' },
  KubernetesGateway: {
    spec: {
      gatewayClassName: 'all',
      listeners,
      addresses: 'all',
      infrastructure: { labels: 'all', annotations: 'all' },
      allowedListeners: 'all',
      tls: { frontend: 'all' },
    },
    status: 'all',
  },
  ListenerSet: { spec: { parentRef: 'all', listeners }, status: 'all' },
  HTTPRoute: route,
  GRPCRoute: route,
  TLSRoute: route,
  TCPRoute: route,
  ReferenceGrant: { spec: 'all', status: 'all' },
  // Options are each implementation's own, and Istio has none.
  BackendTLSPolicy: { spec: { targetRefs: 'all', validation: 'all' }, status: 'all' },
} as const satisfies Readonly<Record<string, Effect>>;
