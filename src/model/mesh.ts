// The mesh as a value: what users wrote, resolved. No type of api/ appears here; each part remembers its origin.
// Host names are resolved by model/build; a name that no service has is a diagnostic. Parts refer to each other by host name, not by
// object, so that a new endpoint does not make new rules.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { AuthorizationPolicy } from '#model/authorization-policy.ts';
import type { Credential } from '#model/credential.ts';
import type {
  ConnectionPool,
  DestinationRule,
  LocalityBalancing,
  OutlierDetection,
  TcpKeepalive,
  ZoneAwareBalancing,
} from '#model/destination-rule.ts';
import type { EnvoyFilter } from '#model/envoy-filter.ts';
import type { ExternalAuthorizer } from '#model/extension-provider.ts';
import type { Gateway } from '#model/gateway.ts';
import type { GatewayApiStatus } from '#model/gateway-api.ts';
import type { GatewayTopology } from '#model/gateway-topology.ts';
import type { IngressSettings } from '#model/ingress-settings.ts';
import type { MetricsPlan } from '#model/metrics-plan.ts';
import type { NetworkPlan, Networks } from '#model/network.ts';
import type { PeerAuthentication } from '#model/peer-authentication.ts';
import type { ProxyTraffic } from '#model/proxy-traffic.ts';
import type { RateLimit } from '#model/rate-limit.ts';
import type { RequestAuthentication } from '#model/request-authentication.ts';
import type { Retries } from '#model/retry.ts';
import type { Alias, Service } from '#model/service.ts';
import type { OutboundMode, Sidecar } from '#model/sidecar.ts';
import type { Telemetry } from '#model/telemetry.ts';
import type { VirtualService } from '#model/virtual-service.ts';
import type { Workload } from '#model/workload.ts';

export type Mesh = {
  readonly settings: MeshSettings;
  /**
   * By host name, `hello.default.svc.cluster.local`. Where several namespaces have a service of one name, the Kubernetes Service is in here, or
   * the oldest; `visibleServices` knows which one a namespace sees.
   */
  readonly services: ReadonlyMap<string, Service>;
  /** The host names that several namespaces have, with all their services in order of precedence. Mostly empty. */
  readonly sharedHosts: ReadonlyMap<string, readonly Service[]>;
  /** Services of type ExternalName by host name. */
  readonly aliases: ReadonlyMap<string, Alias>;
  /** By `namespace/name` of the pod. */
  readonly workloads: ReadonlyMap<string, Workload>;
  /** By `namespace/name` of the WorkloadEntry. */
  readonly workloadEntries: ReadonlyMap<string, Workload>;
  /** By `namespace/name`, in Istio's order of precedence: older first, then by name. */
  readonly gateways: readonly Gateway[];
  readonly virtualServices: readonly VirtualService[];
  readonly destinationRules: readonly DestinationRule[];
  readonly sidecars: readonly Sidecar[];
  readonly envoyFilters: readonly EnvoyFilter[];
  readonly rateLimits: readonly RateLimit[];
  /** In order of precedence; undefined where there are none. */
  readonly telemetries?: readonly Telemetry[];
  readonly peerAuthentications: readonly PeerAuthentication[];
  readonly requestAuthentications: readonly RequestAuthentication[];
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
  /** By `secret/namespace/name` and `config-map/namespace/name`: all Secrets, also those that hold nothing of the kind, and ConfigMaps with roots. */
  readonly credentials: ReadonlyMap<string, Credential>;
  /** Undefined where no network has a gateway: then all workloads are called at their own addresses. */
  readonly networks?: Networks;
  /** What the resources of the Gateway API are told. */
  readonly gatewayApi: readonly GatewayApiStatus[];
  readonly diagnostics: readonly Diagnostic[];
};

/** The part of Istio's MeshConfig that the model needs. */
export type MeshSettings = {
  /** `cluster.local`: the suffix of service names. */
  readonly domain: string;
  /** MeshConfig.trustDomain, `cluster.local`: the first part of identities. */
  readonly trustDomain: string;
  /** MeshConfig.trustDomainAliases: further trust domains whose identities count as those of the own one. */
  readonly trustDomainAliases: readonly string[];
  /** MeshConfig.enableAutoMtls; true unless set: calls to workloads that can do mutual TLS use it. */
  readonly autoMtls: boolean;
  /** MeshConfig.meshMTLS and tlsDefaults: limits of TLS within the mesh and at its edge. */
  readonly meshTls?: TlsLimits;
  readonly tlsDefaults?: TlsLimits;
  /** MeshConfig.extensionProviders that authorise, by name. */
  readonly externalAuthorizers: ReadonlyMap<string, ExternalAuthorizer>;
  /** MeshConfig.rootNamespace, `istio-system` unless set: where mesh-wide policies stand. */
  readonly rootNamespace: string;
  /** MeshConfig.outboundTrafficPolicy: what happens to requests for hosts that the mesh does not know. */
  readonly outboundTrafficPolicy: OutboundMode;
  /** MeshConfig.connectTimeout, 10 s unless set. */
  readonly connectTimeoutMs: number;
  /** MeshConfig.zoneAwareLbSetting or localityLbSetting: for services whose destination rule says nothing of it. Undefined: the latter, enabled, as Istio. */
  readonly localityBalancing?: LocalityBalancing | ZoneAwareBalancing;
  /** MeshConfig.tcpKeepalive, for every upstream connection; undefined: off. */
  readonly tcpKeepalive?: TcpKeepalive;
  /** MeshConfig.h2UpgradePolicy UPGRADE: HTTP/2 to services that are declared as HTTP/1. */
  readonly h2Upgrade?: boolean;
  /** MeshConfig.dnsRefreshRate: how soon a failed DNS answer is asked for again. Undefined: 60 s, as Istio. */
  readonly dnsRefreshMs?: number;
  /** MeshConfig.defaultTrafficPolicy: stands in for what a destination rule does not say. */
  readonly defaultTrafficPolicy?: { readonly connectionPool?: ConnectionPool; readonly outlierDetection?: OutlierDetection };
  /** MeshConfig.defaultServiceExportTo and its like: where exportTo is not written. Undefined: everywhere. */
  readonly defaultExportTo?: {
    readonly service?: readonly string[];
    readonly virtualService?: readonly string[];
    readonly destinationRule?: readonly string[];
  };
  /** MeshConfig.defaultHttpRetryPolicy: for rules without retries, and services without rules. Undefined: Istio's own. */
  readonly defaultRetries?: Retries;
  /** MeshConfig.defaultInboundHttpRetryPolicy: how sidecars retry towards their app. Undefined: Istio's own. */
  readonly inboundRetries?: Retries;
  /** MeshConfig.discoverySelectors: the namespaces that are part of the mesh; undefined: all. */
  readonly discoverySelectors?: readonly LabelSelector[];
  /** MeshConfig.pathNormalization; undefined: BASE. */
  readonly pathNormalization?: PathNormalization;
  /** Undefined: Istio's defaults. */
  readonly listeners?: ListenerSettings;
  /** MeshConfig.accessLogFile and its format; undefined where access logging is off. */
  readonly accessLog?: AccessLogSettings;
  /** What proxies report where no Telemetry says otherwise; undefined where MeshConfig.defaultProviders names none for metrics. */
  readonly metrics?: MetricsPlan;
  /** Undefined: Istio's defaults. */
  readonly ingress?: IngressSettings;
  /** MeshConfig.defaultConfig.gatewayTopology, for gateways that have none of their own. */
  readonly gatewayTopology?: GatewayTopology;
  /** MeshConfig.defaultConfig.proxyHeaders and connectionSettings. */
  readonly proxyTraffic?: ProxyTraffic;
  /** MeshNetworks, and the network of the root namespace; undefined where nobody speaks of networks. */
  readonly networkPlan?: NetworkPlan;
};

/** What is not there is as in Istio: TLS 1.2 at least, Istio's cipher suites, P-256 and its like. */
export type TlsLimits = { readonly minVersion?: '1.2' | '1.3'; readonly cipherSuites?: readonly string[]; readonly ecdhCurves?: readonly string[] };

/** A label selector as Kubernetes has it, resolved nowhere: it is asked about namespaces while the mesh is built. */
export type LabelSelector = {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
    readonly values?: readonly string[];
  }[];
};

/** How paths are brought to one form before they are matched: not at all; dots and backslashes; also double slashes; also `%2F` and `%5C`. */
export type PathNormalization = 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';

/** What is not there is as in Istio. */
export type ListenerSettings = {
  /** MeshConfig.proxyListenPort and proxyInboundListenPort: where traffic is redirected to; 15001 and 15006 unless set. */
  readonly outboundPort?: number;
  readonly inboundPort?: number;
  /** MeshConfig.proxyHttpPort: where sidecars listen as an HTTP proxy; not at all unless set. */
  readonly httpProxyPort?: number;
  /** MeshConfig.protocolDetectionTimeout: how long a connection may keep its protocol to itself; for ever unless set. */
  readonly detectionTimeoutMs?: number;
  /** MeshConfig.inboundTrafficPolicy LOCALHOST: connections go to the app on 127.0.0.1, not to the address they were made to. */
  readonly inboundToLocalhost?: boolean;
  /** MeshConfig.disableEnvoyListenerLog: connections that no filter chain takes are not logged. */
  readonly withoutLog?: boolean;
};

/** `format` undefined means Istio's default text, or with `json` Istio's default fields. */
export type AccessLogSettings = { readonly path: string; readonly encoding: 'text' | 'json'; readonly format?: string };
