// A service of the mesh: a name, its ports, and the endpoints behind them.
import type { Origin } from '#base/origin.ts';
import type { Protocol } from '#model/protocol.ts';
import { isVisibleIn, type Visibility } from '#model/visibility.ts';

export type Service = {
  /** `hello.default.svc.cluster.local`; of a ServiceEntry any host, also with a leading wildcard. Lower case. */
  readonly hostname: string;
  /** The Service's own name. A service of a ServiceEntry is named after its host, as in Istio's telemetry. */
  readonly name: string;
  readonly namespace: string;
  /**
   * The virtual addresses: ClusterIPs, or a ServiceEntry's addresses, which may be CIDR blocks. Empty for a headless service, and where a
   * ServiceEntry names none: whatever goes to its port is then meant for it (Istio's 0.0.0.0).
   */
  readonly addresses: readonly string[];
  /** Of 240.240.0.0/16 (or as status.addresses says): they count for proxies that capture DNS, in place of no address. See `addressesFor`. */
  readonly automaticAddresses?: readonly string[];
  /** A Kubernetes Service with clusterIP None. */
  readonly headless: boolean;
  readonly resolution: Resolution;
  readonly registry: 'kubernetes' | 'service-entry';
  /** Outside the mesh (ServiceEntry MESH_EXTERNAL): no mutual TLS by default, no telemetry of its own. */
  readonly external: boolean;
  /** Host names of ExternalName Services that stand for this one: they are domains of its routes, and have nothing of their own. */
  readonly aliases?: readonly string[];
  /** ServiceEntry.subjectAltNames: what the certificates of its endpoints may name. */
  readonly subjectAltNames?: readonly string[];
  readonly ports: readonly ServicePort[];
  /** Which workloads are behind it. An empty selector of a Kubernetes Service is none; that of a ServiceEntry chooses all of its namespace. */
  readonly selector?: Readonly<Record<string, string>>;
  /** Gateways behind it open the ports that Gateways name, not their target ports (label `experimental.istio.io/disable-gateway-port-translation`). */
  readonly keepsGatewayPorts?: boolean;
  /** Kubernetes' spec.trafficDistribution (PreferClose is prefer-same-zone), or Istio's annotation for it. */
  readonly trafficDistribution?: 'prefer-same-zone' | 'prefer-same-node';
  /** internalTrafficPolicy Local: only endpoints on the client's own node (`node`) are used. */
  readonly nodeLocal?: boolean;
  readonly endpoints: readonly Endpoint[];
  readonly visibility: Visibility;
  /** Where two services claim one address and port the older one has it. Undefined counts as the oldest. */
  readonly createdMs?: number;
  readonly origin: Origin;
};

/** A Service of type ExternalName: a further name for a host of the mesh, or for one outside of it. */
export type Alias = {
  readonly hostname: string;
  readonly name: string;
  readonly namespace: string;
  /** The host it stands for, through all further aliases; undefined where they lead in a circle. */
  readonly target: string | undefined;
  readonly ports: readonly ServicePort[];
  readonly visibility: Visibility;
  readonly origin: Origin;
};

/** The addresses at which the app beside a proxy reaches a service; empty means any address. */
export function addressesFor({ addresses, automaticAddresses }: Service, client: { readonly capturesDns?: boolean }): readonly string[] {
  return addresses.length === 0 && client.capturesDns === true && automaticAddresses !== undefined ? automaticAddresses : addresses;
}

/** Every service of the mesh, those too that only some namespaces see under their name. */
export function allServices({ services, sharedHosts }: Registry): readonly Service[] {
  return sharedHosts.size === 0 ? [...services.values()] : [...services].flatMap(([hostname, service]) => sharedHosts.get(hostname) ?? [service]);
}

/**
 * The services that proxies of a namespace see, one for each host name: that of the namespace itself, else the Kubernetes Service, else the first
 * that is exported to the namespace by name, else the first that is exported to all. Source: Istio, servicesExportedToNamespace and
 * selectServices.
 */
export function visibleServices({ services, sharedHosts }: Registry, namespace: string): readonly Service[] {
  const visible: Service[] = [];
  for (const [hostname, service] of services) {
    const shared = sharedHosts.get(hostname);
    if (shared === undefined) {
      if (isVisibleIn(service.visibility, namespace)) visible.push(service);
      continue;
    }
    const candidates = shared.filter(({ visibility }) => isVisibleIn(visibility, namespace));
    const best =
      candidates.find((candidate) => candidate.namespace === namespace) ??
      candidates.find(({ registry }) => registry === 'kubernetes') ??
      candidates.find(({ visibility }) => visibility.kind === 'namespaces') ??
      candidates[0];
    if (best !== undefined) visible.push(best);
  }
  return visible;
}

/** What of a mesh says which services there are. */
type Registry = { readonly services: ReadonlyMap<string, Service>; readonly sharedHosts: ReadonlyMap<string, readonly Service[]> };

/**
 * Where the proxy gets addresses from: told by the control plane (EDS); asked of DNS, all answers or one at a time (the endpoints then name the
 * hosts to ask for, or addresses); asked of DNS for the host of each request; or none, it goes where the client meant to go, on the port that
 * `ServicePort.targetPort` names.
 */
export type Resolution = 'endpoints' | 'dns' | 'dns-round-robin' | 'dynamic-dns' | 'none';

export type ServicePort = {
  readonly name: string;
  readonly number: number;
  readonly protocol: Protocol;
  /** The port of the container, by number or by the container port's name; of a ServiceEntry the port of the endpoints that name none. */
  readonly targetPort: number | string;
  readonly origin: Origin;
};

/** One address that serves one port of one service. */
export type Endpoint = {
  /** An IP address; a host name where the service resolves by DNS; or `unix:///path`, with port 0. */
  readonly address: string;
  /** Of the same pod, of the other family of IP: where its names lead as well. */
  readonly otherAddresses?: readonly string[];
  readonly port: number;
  /** The service port's name and number that this endpoint serves. */
  readonly servicePort: string;
  readonly servicePortNumber: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly health: 'ready' | 'draining' | 'unready';
  /** `namespace/name` of the pod behind it, where known. */
  readonly workload?: string;
  /** What its workload is called in telemetry, where that is not its own name: the controller that made the pod. */
  readonly workloadName?: string;
  /** The name of its own that a pod has below a headless service: `db-0` of `db-0.db.default.svc.cluster.local`. */
  readonly hostname?: string;
  /** `namespace/name` of the WorkloadEntry behind it; for an endpoint of a ServiceEntry, that one's name and the endpoint's index. */
  readonly workloadEntry?: string;
  /** The Kubernetes node it runs on, where known. */
  readonly node?: string;
  /** Share of the traffic among endpoints of one locality; 1 unless set. */
  readonly weight?: number;
  readonly network?: string;
  /** It takes mutual TLS of the mesh: its workload has the label `security.istio.io/tlsMode: istio`, as injection gives. Else plaintext. */
  readonly tlsMode?: 'istio';
  /** The name of its service account in the namespace of its workload; `default` unless set for pods, none for others. */
  readonly serviceAccount?: string;
  readonly locality?: { readonly region: string; readonly zone: string; readonly subZone: string };
  readonly origin: Origin;
};
