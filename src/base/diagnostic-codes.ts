// The one table of what diagnostics are called. HDL codes are Heddle's own; IST codes are Istio's, used wherever Istio has one for the finding.
// A code never changes its meaning and is never used again once it is gone. Append rows; keep each table in order.

export type DiagnosticCode = { readonly title: string; readonly explanation: string };

export const heddleCodes = {
  HDL0001: {
    title: 'Syntax error',
    explanation: 'The text is no valid YAML or JSON. The last version of the file that could be read stays in force.',
  },
  HDL0002: { title: 'Unreadable path', explanation: 'A file or folder that was asked for does not exist or may not be read.' },
  HDL0003: {
    title: 'Not a resource',
    explanation: 'A document lacks what makes it a resource: apiVersion, kind, and metadata with a name.',
  },
  HDL0004: { title: 'Unknown kind', explanation: 'No kind of this name exists in this API group.' },
  HDL0005: { title: 'Unknown API version', explanation: 'The kind exists, but not in this version of its API group.' },
  HDL0006: {
    title: 'Kind without effect',
    explanation: 'The kind is known, but this release of Heddle does nothing with it. The resource is read over.',
  },
  HDL0007: {
    title: 'Duplicate resource',
    explanation: 'Two places define a resource of the same kind, namespace and name. The first one, in the order of paths, is in force.',
  },
  HDL0008: { title: 'File left out', explanation: 'A file that is not for a cluster, such as kustomization.yaml, is not read.' },
  HDL0009: { title: 'Folder not watched', explanation: 'The system refused to watch a folder, so changes in it are not seen until the next start.' },
  HDL0010: {
    title: 'Unknown field',
    explanation: 'The field is not part of the kind. A cluster drops it, so what it says has no effect.',
  },
  HDL0011: {
    title: 'Invalid resource',
    explanation: 'A field has a value that its kind does not allow, or a required field is missing. The resource is left out.',
  },
  HDL0012: {
    title: 'Field without effect',
    explanation: 'The field is valid and means something in Istio, but this release of Heddle does nothing with it yet.',
  },
  HDL0013: {
    title: 'Volume not provided',
    explanation: 'A container mounts a volume that exists on a cluster only; a local process does not get it.',
  },
  HDL0014: {
    title: 'Delegate without effect',
    explanation:
      'A rule delegates to a VirtualService that is missing or cannot act for it, or nobody delegates to one without hosts. It is left out; all else counts.',
  },
  HDL0015: {
    title: 'Weights do not add up to 100',
    explanation: 'The weights of a rule count as shares of their sum, which is not 100, so that each destination gets another part than its number.',
  },
  HDL0016: {
    title: 'Fault without effect',
    explanation: 'A delay or an abort is written down, but hits no request: it has no percentage, or does not say what shall happen.',
  },
  HDL0020: {
    title: 'Service selects no Pod',
    explanation: 'No Pod has all labels of the Service selector, so the Service has no endpoint and each request to it is answered with 503.',
  },
  HDL0021: {
    title: 'Target port not exposed',
    explanation: 'The Service sends its traffic to a port that none of the containers it selects declares.',
  },
  HDL0022: {
    title: 'Hand-written sidecar',
    explanation:
      'A container named istio-proxy was written by hand. It takes the place of the sidecar that injection adds, and nothing configures it.',
  },
  HDL0030: {
    title: 'Gateway server not served',
    explanation:
      'A server of a Gateway ends TLS with a certificate, roots or an identity that its proxy cannot be given. Its hosts are closed; the other servers of its port work.',
  },
  HDL0031: {
    title: 'External name in a circle',
    explanation: 'A Service of type ExternalName stands for itself, through other Services of that type, so its name means nothing.',
  },
  HDL0032: {
    title: 'Gateway server left out',
    explanation:
      'Servers of Gateways cannot share a port as they are written. The first in precedence (the older Gateway, then by name) is in force.',
  },
  HDL0033: {
    title: 'Server name taken',
    explanation: 'Two rules for TLS that is passed through claim one server name on one port of a gateway. The first in precedence is in force.',
  },
  HDL0034: {
    title: 'Ingress not served',
    explanation: 'An Ingress, or a part of it, has no effect: it is not for this mesh (its class), or Istio does not act on it.',
  },
  HDL0035: {
    title: 'Host of several services',
    explanation: 'A ServiceEntry names a host that another one or a Service has already and does not agree with it; its ports are left out.',
  },
  HDL0036: {
    title: 'Invalid patch',
    explanation: 'The value of an EnvoyFilter patch is no message of the Envoy API that it patches. The patch is left out, the others count.',
  },
  HDL0037: {
    title: 'Patch without a target',
    explanation: 'A patch of an EnvoyFilter found nothing to change in any of the proxies that it is for.',
  },
  HDL0038: {
    title: 'Without effect as it stands',
    explanation: 'A setting is valid and does nothing, or not what it seems to, because something that it needs is not there.',
  },
  HDL0039: { title: 'Subset defined twice', explanation: 'A DestinationRule has two subsets of one name. The first one is in force.' },
  HDL0040: {
    title: 'Refused by a proxy',
    explanation: 'A proxy did not take what Heddle made of these lines. It keeps the configuration that it had before, until the lines change.',
  },
  HDL0041: { title: 'Port in use', explanation: 'Another program listens on the port that Heddle was told to open.' },
  HDL0042: {
    title: 'Entry that does not act as it reads',
    explanation: 'A ServiceEntry or WorkloadEntry is accepted, as in Istio, and does not do what it says, or does more than it seems to.',
  },
  HDL0043: {
    title: 'Address of several services',
    explanation: 'Two services claim one address and port for connections that do not say which of them is meant. The older one has them.',
  },
  HDL0044: {
    title: 'Admin API not opened',
    explanation: 'The admin API was asked to listen where other machines reach it, without what keeps strangers out, or with files that do not do.',
  },
  HDL0045: {
    title: 'Plain xDS not opened',
    explanation: 'xDS was asked to listen where other machines reach it, without TLS and without what tells who asks.',
  },
  HDL0050: {
    title: 'Listener of a Sidecar not opened',
    explanation:
      'A Sidecar asks for a listener that is not opened, or leads nowhere: on one machine a port or a Unix socket that several pods would have to share, or a socket for bytes to a service of several ports.',
  },
  HDL0060: {
    title: 'Not accepted',
    explanation: 'A parent does not take a route of the Gateway API, or a listener cannot be served as it is written. The rest stays in force.',
  },
  HDL0061: {
    title: 'Reference not resolved',
    explanation:
      'A backend or certificate of the Gateway API is not there, or may not be named from here. Its share of requests is answered with 500.',
  },
  HDL0062: { title: 'Class of another controller', explanation: 'A Gateway is of a class that Heddle does not serve. Nothing is opened for it.' },
  HDL0063: {
    title: 'Match never reached',
    explanation: 'Another match of the Gateway API for the same host takes all requests of this one, which comes later in the order of precedence.',
  },
  HDL0070: {
    title: 'Policy that nobody enforces',
    explanation: 'A policy is for no workload of the mesh, so what it asks for happens nowhere.',
  },
  HDL0071: {
    title: 'Policy overruled',
    explanation: 'Of several policies for one workload, namespace or mesh only the oldest counts. This one does nothing.',
  },
  HDL0072: { title: 'Port of nobody', explanation: 'A policy is about a port that no workload it selects names.' },
  HDL0073: {
    title: 'Port closed for want of a certificate',
    explanation:
      'A port must have mutual TLS, and its proxy has no identity to take it with. Nobody can connect: anything else would be less than asked.',
  },
  HDL0074: {
    title: 'Policy for workloads without a proxy',
    explanation: 'A policy is for workloads that have declined a sidecar. Nobody enforces it there.',
  },
  HDL0075: {
    title: 'Rule about HTTP on a port of bytes',
    explanation:
      'A rule asks for what only HTTP has, on a port that carries bytes. There a permission lets nobody in, and a denial denies more than it says.',
  },
  HDL0076: {
    title: 'Nobody to ask',
    explanation:
      'A policy with action CUSTOM names a provider that is not there, or two providers share a workload. What the policy picks is denied.',
  },
  HDL0077: {
    title: 'Identity where there may be none',
    explanation: 'A rule goes by who calls, and its workloads take calls without mutual TLS, whose callers have no identity.',
  },
  HDL0078: { title: 'Rule that contradicts itself', explanation: 'A rule excludes all that it names, so it never matches.' },
  HDL0079: { title: 'Claims of no token', explanation: 'A rule asks for claims of a token, and nobody checks tokens for its workloads.' },
  HDL0080: {
    title: 'Unusable certificate',
    explanation: 'A Secret or ConfigMap holds a certificate, key or root that no proxy can use. The last good one stays in force, if there was one.',
  },
  HDL0081: {
    title: 'Certificate out of its time',
    explanation: 'A certificate of a Secret or ConfigMap has expired, expires within a week, or is not valid yet. Clients refuse it.',
  },
  HDL0083: {
    title: 'Calls without the credential they need',
    explanation:
      'A DestinationRule names a credential that the calling proxy may have and that is not there. Calls fail, rather than going out with less.',
  },
  HDL0084: {
    title: 'Calls that nobody takes',
    explanation:
      'A DestinationRule calls without mutual TLS of the mesh what takes nothing else, or by TLS that could believe anybody. Such calls fail.',
  },
  HDL0085: {
    title: 'Host that a port passes by',
    explanation:
      'A rule keeps out by the name of a host, and a Host field with a port (shop.example.com:80) is another text, which it does not match.',
  },
  HDL0090: {
    title: 'Unusable certificate authority',
    explanation: 'A file of the certificate authority is missing or broken, or does not fit the others. What was last read whole stays in force.',
  },
  HDL0091: {
    title: 'Certificate authority ends soon',
    explanation: 'The certificate that signs all others, or one above it, expires soon or has expired. After that no workload gets a certificate.',
  },
  HDL0100: {
    title: 'Tokens on ports of bytes',
    explanation: 'A RequestAuthentication is for workloads without a port that carries HTTP. No request can be seen there, and no token be checked.',
  },
  HDL0101: {
    title: 'Keys of a token issuer not to be had',
    explanation:
      'The keys that tokens are verified with could not be fetched. The last good ones stay in force; without any, every token is refused.',
  },
  HDL0102: { title: 'Private key in a policy', explanation: 'A key set that is for verifying tokens holds what tokens are signed with.' },
  HDL0120: { title: 'Telemetry without effect', explanation: 'A Telemetry names a provider that is not there, or says the same thing twice.' },
  HDL0121: {
    title: 'Label that cannot be evaluated',
    explanation:
      'The value of a label is an expression that proxies cannot print: neither a text nor an attribute, nor several of them added together.',
  },
  HDL0401: { title: 'Invalid heddle.yaml', explanation: 'An entry of the image map is not understood. It is left out; the others count.' },
  HDL0402: { title: 'Image without a command', explanation: 'No heddle.yaml says which local program stands for the image of a container.' },
  HDL0403: { title: 'No effect on this machine', explanation: 'A field of a Pod or a Service means something on a cluster and nothing here.' },
  HDL0404: {
    title: 'Addresses of this machine',
    explanation: 'A rule goes by the address of who calls or what is called. Among local processes that is 127.0.0.1, whatever it is in a cluster.',
  },
  HDL0410: { title: 'No network for each pod', explanation: 'This machine does not let this user make network namespaces; the message says why.' },
  HDL0411: { title: 'Addresses in use', explanation: 'The range from which pods and Services take their addresses cannot be had on this machine.' },
  HDL0412: {
    title: 'No place for a pod',
    explanation: 'The namespaces, addresses or rules of one pod could not be made. It is tried again; the others go on.',
  },
  HDL0450: { title: 'Another namespace than asked for', explanation: 'A resource that was sent names one namespace, and the command another.' },
  HDL0460: {
    title: 'Compose file not understood',
    explanation: 'A part of a compose file cannot be read. What it belongs to is left out or goes without it.',
  },
  HDL0461: { title: 'Unknown key in a compose file', explanation: 'No compose file has such a key. It is left out.' },
  HDL0462: {
    title: 'No effect in a compose file',
    explanation: 'Something in a compose file means a container or a network of Docker, and nothing for a local process.',
  },
} as const satisfies Readonly<Record<string, DiagnosticCode>>;

/** Istio's messages that Heddle can give, under Istio's own names. */
export const istioCodes = {
  IST0101: { title: 'ReferencedResourceNotFound', explanation: 'A resource is referred to that does not exist.' },
  IST0106: { title: 'SchemaValidationError', explanation: 'A resource of Istio breaks the rules of its schema. It is left out.' },
  IST0109: {
    title: 'ConflictingMeshGatewayVirtualServiceHosts',
    explanation: 'Two VirtualServices claim one host for calls inside the mesh; only one of them acts.',
  },
  IST0111: {
    title: 'MultipleSidecarsWithoutWorkloadSelectors',
    explanation: 'Several Sidecars are for the whole of one namespace; only the oldest acts.',
  },
  IST0112: {
    title: 'VirtualServiceDestinationPortSelectorRequired',
    explanation: 'The destination has several ports, and the VirtualService does not say which.',
  },
  IST0116: {
    title: 'DeploymentAssociatedToMultipleServices',
    explanation: 'Services of one Deployment have the same port with different transport protocols.',
  },
  IST0118: {
    title: 'PortNameIsNotUnderNamingConvention',
    explanation: 'Neither appProtocol nor the name of a Service port tells its protocol, so it is sniffed.',
  },
  IST0127: { title: 'NoMatchingWorkloadsFound', explanation: 'A policy is for no workload of the mesh, so what it asks for happens nowhere.' },
  IST0128: { title: 'NoServerCertificateVerificationDestinationLevel', explanation: 'TLS without a CA to verify the server with.' },
  IST0129: { title: 'NoServerCertificateVerificationPortLevel', explanation: 'TLS without a CA to verify the server with, for one port.' },
  IST0130: { title: 'VirtualServiceUnreachableRule', explanation: 'A rule never acts, because earlier ones take all its requests.' },
  IST0131: { title: 'VirtualServiceIneffectiveMatch', explanation: 'A match never acts, because an earlier one takes all its requests.' },
  IST0132: {
    title: 'VirtualServiceHostNotFoundInGateway',
    explanation: 'The Gateway that a VirtualService names serves none of its hosts, so no request reaches it that way.',
  },
  IST0134: {
    title: 'ServiceEntryAddressesRequired',
    explanation: 'A TCP port of a ServiceEntry needs an address to be told from other traffic.',
  },
  IST0137: {
    title: 'DeploymentConflictingPorts',
    explanation: 'Services of one Deployment put different ports before one target port.',
  },
  IST0138: {
    title: 'GatewayDuplicateCertificate',
    explanation: 'Two Gateways serve one certificate, which confuses clients that re-use HTTP/2 connections.',
  },
  IST0140: {
    title: 'IngressRouteRulesNotAffected',
    explanation: 'Subsets that are set for calls inside the mesh are not followed by requests from a gateway.',
  },
  IST0144: { title: 'InvalidApplicationUID', explanation: 'User 1337 is the sidecar; an app that runs as it is not captured.' },
  IST0145: { title: 'ConflictingGateways', explanation: 'Two Gateways open one port for one host on the same workloads.' },
  IST0149: {
    title: 'JwtClaimBasedRoutingWithoutRequestAuthN',
    explanation: 'A VirtualService chooses by claims of a token at a gateway where no RequestAuthentication verifies any.',
  },
  IST0150: {
    title: 'ExternalNameServiceTypeInvalidPortName',
    explanation: 'A port of an ExternalName Service does not tell its protocol.',
  },
  IST0162: {
    title: 'GatewayPortNotDefinedOnService',
    explanation: 'A Gateway opens a port that no Service of its workloads offers.',
  },
  IST0173: {
    title: 'DestinationRuleSubsetNotSelectPods',
    explanation: 'No Pod belongs to a subset, so requests to it are answered with 503.',
  },
  IST0174: { title: 'UnknownDestinationRuleHost', explanation: 'A DestinationRule is for a host that is no service of the mesh.' },
  IST0177: {
    title: 'ConflictingServiceEntryProtocol',
    explanation: 'ServiceEntries give one port of one host different protocols.',
  },
} as const satisfies Readonly<Record<string, DiagnosticCode>>;

export type Code = keyof typeof heddleCodes | keyof typeof istioCodes;

/** Title and explanation of a code; undefined for one that is not in the tables. */
export function explainCode(code: string): DiagnosticCode | undefined {
  const all: Readonly<Record<string, DiagnosticCode>> = { ...heddleCodes, ...istioCodes };
  return all[code];
}
