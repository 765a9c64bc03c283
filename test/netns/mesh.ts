// The mesh of the capture tests: `caller` and `server` with proxies, `plain` without one. What is not here is not known to it.

export const pods = {
  caller: { name: 'caller', address: '198.18.0.10', proxyAddress: '198.19.128.10' },
  server: { name: 'server', address: '198.18.0.11', proxyAddress: '198.19.128.11' },
  plain: { name: 'plain', address: '198.18.0.12', otherAddress: '198.18.0.13' },
} as const;

export const services = { web: '198.19.0.10', db: '198.19.0.11', any: '198.19.0.12', self: '198.19.0.13', talk: '198.19.0.14' } as const;

/** What reaches the proxies of the caller past its rules. */
export const excluded = { outboundPort: 7001, range: '198.18.0.13/32', inboundPort: 9999 } as const;

/** Known to the mesh by its name, and to the DNS of the node. */
export const outsideHost = 'outside.example';

/** `detectionTimeout`: how long proxies wait for clients to speak, `0.2s`; for ever unless said. */
export type MeshOptions = { readonly registryOnly?: boolean; readonly strict?: boolean; readonly detectionTimeout?: string };

export function meshText({ registryOnly = false, strict = false, detectionTimeout }: MeshOptions = {}): string {
  return [
    `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: '{ accessLogFile: /dev/stdout, accessLogFormat: "%DOWNSTREAM_LOCAL_ADDRESS% %UPSTREAM_CLUSTER% %UPSTREAM_HOST% %RESPONSE_FLAGS%\\n"${
      detectionTimeout === undefined ? '' : `, protocolDetectionTimeout: ${detectionTimeout}`
    } }' }
`,
    ...Object.values(pods).map(
      (pod) => `apiVersion: v1
kind: Pod
metadata: { name: ${pod.name}, namespace: default, labels: { app: ${pod.name}${'proxyAddress' in pod ? ', security.istio.io/tlsMode: istio' : ''} } }
spec: { containers: [{ name: app, image: app }] }
`,
    ),
    service('web', 'server', { name: 'http', port: 80, target: 8080 }),
    service('db', 'server', { name: 'tcp', port: 3306, target: 3307 }),
    service('any', 'server', { name: 'any', port: 9000, target: 9000 }),
    service('talk', 'server', { name: 'talk', port: 9100, target: 9100 }),
    service('self', 'caller', { name: 'http', port: 80, target: 8080 }),
    outside,
    ...(registryOnly ? [registryOnlySidecar] : []),
    ...(strict ? [strictPolicy] : []),
  ].join('---\n');
}

function service(
  name: keyof typeof services,
  pod: 'server' | 'caller',
  port: { readonly name: string; readonly port: number; readonly target: number },
): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: default }
spec: { clusterIP: ${services[name]}, selector: { app: ${pod} }, ports: [{ name: ${port.name}, port: ${port.port}, targetPort: ${port.target} }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}, namespace: default, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ name: ${port.name}, port: ${port.target} }]
endpoints: [{ addresses: [${pods[pod].address}], conditions: { ready: true }, targetRef: { kind: Pod, name: ${pod}, namespace: default } }]
`;
}

const outside = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: outside, namespace: default }
spec: { hosts: [${outsideHost}], location: MESH_EXTERNAL, resolution: DNS, ports: [{ number: 80, name: http, protocol: HTTP }] }
`;

const registryOnlySidecar = `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: default }
spec: { outboundTrafficPolicy: { mode: REGISTRY_ONLY } }
`;

const strictPolicy = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: default }
spec: { mtls: { mode: STRICT } }
`;
