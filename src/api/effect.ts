// Which fields of Istio's kinds have an effect today, as one table, and a warning for each written field that has none. A field's line: `all`
// for it and everything below it, or the fields of it that have an effect; lists are passed through, `*` stands for any key of a map.
// When the model or the compiler learns a field, its line is added here and the warning is gone.
import { type Effect, ineffectivePaths } from '#api/effect-walk.ts';
import type { Path } from '#api/finding.ts';
import { gatewayApiEffects } from '#api/gateway-api/effects.ts';
import type { AnyResource, KindName } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { formatPath, type Origin } from '#base/origin.ts';

/** sourceSubnet is read by nobody, as in Istio. */
const connectionMatch: Record<string, Effect> = {
  destinationSubnets: 'all',
  port: 'all',
  gateways: 'all',
  sourceLabels: 'all',
  sourceNamespace: 'all',
};
const destination: Effect = { host: 'all', subset: 'all', port: 'all' };
const portPolicy: Record<string, Effect> = {
  // backendUtilization is part of Istio's API only; so is consecutiveErrors, which was replaced long ago.
  loadBalancer: {
    simple: 'all',
    consistentHash: 'all',
    localityLbSetting: 'all',
    zoneAwareLbSetting: 'all',
    warmup: 'all',
    warmupDurationSecs: 'all',
  },
  connectionPool: 'all',
  outlierDetection: {
    splitExternalLocalOriginErrors: 'all',
    consecutiveLocalOriginFailures: 'all',
    consecutiveGatewayErrors: 'all',
    consecutive5xxErrors: 'all',
    interval: 'all',
    baseEjectionTime: 'all',
    maxEjectionPercent: 'all',
    minHealthPercent: 'all',
    outlierDetectionHttpErrorCodes: 'all',
  },
  tls: {
    mode: 'all',
    credentialName: 'all',
    clientCertificate: 'all',
    privateKey: 'all',
    caCertificates: 'all',
    caCrl: 'all',
    subjectAltNames: 'all',
    sni: 'all',
    insecureSkipVerify: 'all',
  },
};
const trafficPolicy: Effect = {
  ...portPolicy,
  portLevelSettings: { ...portPolicy, port: 'all' },
  // budgetInterval is nothing that Envoy's budget knows: it counts what is under way now.
  retryBudget: { percent: 'all', minRetryConcurrency: 'all' },
  proxyProtocol: 'all',
  tunnel: 'all',
};

/** What a WorkloadEntry, or an endpoint of a ServiceEntry, says. */
const workload: Effect = { address: 'all', ports: 'all', labels: 'all', network: 'all', locality: 'all', weight: 'all', serviceAccount: 'all' };

/** Kinds that are not in here have no field-by-field warnings: a laptop ignores much of a Pod by its nature. */
const effects: { readonly [Kind in KindName]?: Effect } = {
  RequestAuthentication: {
    spec: {
      selector: 'all',
      targetRef: 'all',
      targetRefs: 'all',
      // presence is not read, as in Istio.
      jwtRules: {
        issuer: 'all',
        audiences: 'all',
        jwksUri: 'all',
        jwks_uri: 'all',
        jwks: 'all',
        fromHeaders: 'all',
        fromParams: 'all',
        fromCookies: 'all',
        outputPayloadToHeader: 'all',
        forwardOriginalToken: 'all',
        outputClaimToHeaders: 'all',
        timeout: 'all',
        spaceDelimitedClaims: 'all',
      },
    },
  },
  Telemetry: {
    spec: {
      selector: 'all',
      targetRef: 'all',
      targetRefs: 'all',
      metrics: { providers: 'all', overrides: { match: { metric: 'all', mode: 'all' }, disabled: 'all', tagOverrides: 'all' } },
    },
  },
  Sidecar: {
    spec: {
      workloadSelector: 'all',
      ingress: 'all',
      egress: 'all',
      inboundConnectionPool: 'all',
      outboundTrafficPolicy: 'all',
    },
    status: 'all',
  },
  VirtualService: {
    spec: {
      hosts: 'all',
      gateways: 'all',
      exportTo: 'all',
      http: {
        name: 'all',
        match: {
          name: 'all',
          uri: 'all',
          ignoreUriCase: 'all',
          method: 'all',
          scheme: 'all',
          authority: 'all',
          headers: 'all',
          withoutHeaders: 'all',
          queryParams: 'all',
          port: 'all',
          gateways: 'all',
          sourceLabels: 'all',
          sourceNamespace: 'all',
          statPrefix: 'all',
        },
        delegate: 'all',
        route: { destination, weight: 'all', headers: 'all' },
        redirect: 'all',
        directResponse: 'all',
        rewrite: 'all',
        timeout: 'all',
        retries: 'all',
        // exponentialDelay and http2Error have no effect in Istio either.
        fault: {
          delay: { fixedDelay: 'all', percentage: 'all', percent: 'all' },
          abort: { httpStatus: 'all', grpcStatus: 'all', percentage: 'all' },
        },
        mirror: destination,
        mirrors: { destination, percentage: 'all' },
        mirrorPercentage: 'all',
        mirrorPercent: 'all',
        mirror_percent: 'all',
        corsPolicy: 'all',
        headers: 'all',
      },
      tls: { match: { ...connectionMatch, sniHosts: 'all' }, route: { destination, weight: 'all' } },
      tcp: { match: connectionMatch, route: { destination, weight: 'all' } },
    },
    status: 'all',
  },
  DestinationRule: {
    spec: {
      host: 'all',
      exportTo: 'all',
      workloadSelector: 'all',
      trafficPolicy,
      subsets: { name: 'all', labels: 'all', trafficPolicy },
    },
    status: 'all',
  },
  Gateway: {
    spec: {
      selector: 'all',
      servers: { name: 'all', bind: 'all', hosts: 'all', tls: 'all', port: { number: 'all', name: 'all', protocol: 'all' } },
    },
    status: 'all',
  },
  ServiceEntry: {
    spec: {
      hosts: 'all',
      addresses: 'all',
      ports: 'all',
      location: 'all',
      resolution: 'all',
      endpoints: workload,
      workloadSelector: 'all',
      subjectAltNames: 'all',
      exportTo: 'all',
    },
    status: 'all',
  },
  WorkloadEntry: { spec: workload, status: 'all' },
  WorkloadGroup: { spec: { metadata: 'all', template: { ...workload, serviceAccount: 'all' }, probe: 'all' } },
  ...gatewayApiEffects,
};

/** Fields of Istio's API that Istio itself does nothing with, and what is written in place of them. */
const idleInIstio: Readonly<Record<string, string>> = {
  backendUtilization: 'leave it out',
  consecutiveErrors: 'write consecutive5xxErrors',
  exponentialDelay: 'write fixedDelay',
  http2Error: 'write httpStatus',
  options: 'it has none of its own',
  sourceSubnet: 'leave it out',
};

/** One warning for each written field of `resource` that is valid but has no effect yet; nothing for what stands below such a field. */
export function fieldsWithoutEffect(resource: AnyResource): readonly Diagnostic[] {
  const effect = effects[resource.kind];
  if (effect === undefined) return [];
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, origins, ...body } = resource;
  return ineffectivePaths(body, effect, []).map((path) => ({
    code: 'HDL0012',
    severity: 'warning',
    ...withoutEffect(path),
    at: origins.at(path),
  }));
}

function withoutEffect(path: Path): Pick<Diagnostic, 'message' | 'hint'> {
  const instead = idleInIstio[String(path.at(-1))];
  return instead === undefined
    ? { message: `${formatPath(path)} has no effect yet`, hint: 'it is valid for Istio; this release of Heddle does not act on it' }
    : { message: `${formatPath(path)} has no effect`, hint: `Istio does not act on it either; ${instead}` };
}

/** HDL0006 for a resource of a kind that is accepted and has no effect; `hint` says why, where there is a reason. */
export function kindWithoutEffect(kind: string, name: string, at: Origin, hint?: string): Diagnostic {
  const message = `${kind}${name === '' ? '' : ` ${name}`} has no effect${hint === undefined ? ' yet' : ''}`;
  return { code: 'HDL0006', severity: 'warning', message, hint: hint ?? 'the kind is known; this release of Heddle does not act on it', at };
}
