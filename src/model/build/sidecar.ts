// Sidecars with their hosts and ports read. `.` stays as it is: in the root namespace it means whichever namespace the proxy is in.
import type { SidecarSpec } from '#api/istio/sidecar.ts';
import type { KindMap } from '#api/kinds.ts';
import type { FieldOrigins } from '#api/resource.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { buildConnectionPool, type WrittenPool } from '#model/build/destination-rule-policy.ts';
import { serverTls } from '#model/build/gateway-tls.ts';
import { resolveHost } from '#model/build/host-resolution.ts';
import type { ConnectionPool } from '#model/destination-rule.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Protocol } from '#model/protocol.ts';
import type { AppEndpoint, CaptureMode, EgressHost, EgressListener, IngressListener, OutboundPolicy, Sidecar, SidecarPort } from '#model/sidecar.ts';

type SidecarResource = KindMap['Sidecar'];
type WrittenEgress = NonNullable<SidecarSpec['egress']>[number];
type WrittenIngress = NonNullable<SidecarSpec['ingress']>[number];

export function buildSidecar({ metadata, spec, origins }: SidecarResource, settings: MeshSettings): Sidecar {
  const { name, namespace } = metadata;
  const { workloadSelector, egress = [], ingress = [] } = spec;
  const policy = outboundPolicy(spec.outboundTrafficPolicy, namespace, settings, origins);
  const pool = connectionPool(spec.inboundConnectionPool, ['spec', 'inboundConnectionPool'], origins);
  return {
    name,
    namespace,
    ...(workloadSelector !== undefined && { workloadSelector: workloadSelector.labels ?? {} }),
    egress: egress.map((listener, index) => egressListener(listener, ['spec', 'egress', index], origins)),
    ingress: ingress.map((listener, index) => ingressListener(listener, ['spec', 'ingress', index], origins)),
    ...(policy !== undefined && { outboundTrafficPolicy: policy }),
    ...(pool !== undefined && { inboundConnectionPool: pool }),
    origin: origins.start,
  };
}

type Path = readonly (string | number)[];

function egressListener({ port, bind = '', captureMode, hosts }: WrittenEgress, path: Path, origins: FieldOrigins): EgressListener {
  return {
    ...(port !== undefined && { port: sidecarPort(port) }),
    ...(bind !== '' && { bind }),
    captureMode: captureModeOf(captureMode),
    hosts: hosts.flatMap(egressHost),
    origin: origins.at(path),
  };
}

/** `ns/host`; `~` before it takes out of what the others bring in, `~/host` in all namespaces. */
function egressHost(written: string): readonly EgressHost[] {
  const [namespace = '', host = ''] = written.split('/');
  const excluded = namespace.startsWith('~');
  const bare = excluded ? namespace.slice(1) : namespace;
  return [{ namespace: bare === '' ? '*' : bare, host: host.toLowerCase(), excluded }];
}

function ingressListener(
  { port, bind = '', captureMode, defaultEndpoint = '', connectionPool: written, tls }: WrittenIngress,
  path: Path,
  origins: FieldOrigins,
): IngressListener {
  const endpoint = appEndpoint(defaultEndpoint);
  const pool = connectionPool(written, [...path, 'connectionPool'], origins);
  return {
    port: sidecarPort(port),
    ...(bind !== '' && { bind }),
    captureMode: captureModeOf(captureMode),
    ...(endpoint !== undefined && { defaultEndpoint: endpoint }),
    ...(pool !== undefined && { connectionPool: pool }),
    ...(tls !== undefined && endsTls(tls.mode) && { tls: serverTls(tls, origins.at([...path, 'tls'])) }),
    origin: origins.at(path),
  };
}

/** TLS that passes through is bytes, as without the block. */
function endsTls(mode: NonNullable<WrittenIngress['tls']>['mode']): boolean {
  return mode !== undefined && mode !== 'PASSTHROUGH' && mode !== 'AUTO_PASSTHROUGH';
}

function connectionPool(written: WrittenPool | undefined, path: Path, origins: FieldOrigins): ConnectionPool | undefined {
  return written === undefined ? undefined : buildConnectionPool(written, origins.at(path));
}

/** Validation has let only these forms pass; an address that is left out (`:8080`) means where the connection was made to. */
function appEndpoint(written: string): AppEndpoint | undefined {
  if (written.startsWith('unix://')) return { kind: 'unix', path: written.slice('unix://'.length) };
  const colon = written.lastIndexOf(':');
  const port = Number(written.slice(colon + 1));
  switch (written.slice(0, Math.max(colon, 0))) {
    case '127.0.0.1':
      return { kind: 'localhost', family: 4, port };
    case '[::1]':
      return { kind: 'localhost', family: 6, port };
    case '0.0.0.0':
      return { kind: 'instance', family: 4, port };
    case '[::]':
      return { kind: 'instance', family: 6, port };
    default:
      return undefined;
  }
}

const captureModes: Readonly<Record<string, CaptureMode>> = { IPTABLES: 'iptables', NONE: 'none' };

function captureModeOf(written: string | undefined): CaptureMode {
  return captureModes[written ?? ''] ?? 'default';
}

const protocols: Readonly<Record<string, Protocol>> = {
  HTTP: 'http',
  HTTP_PROXY: 'http',
  HTTP2: 'http2',
  GRPC: 'grpc',
  'GRPC-WEB': 'grpc-web',
  HTTPS: 'https',
  TLS: 'tls',
  TCP: 'tcp',
  MONGO: 'tcp',
  REDIS: 'tcp',
  MYSQL: 'tcp',
  UDP: 'udp',
};

/** A protocol that is not given is found out. */
function sidecarPort({ number = 0, name = '', protocol = '' }: NonNullable<WrittenEgress['port']>): SidecarPort {
  const written = protocol.toUpperCase();
  return { number, name, protocol: protocols[written] ?? 'auto', httpProxy: written === 'HTTP_PROXY' };
}

/** A policy without a mode is REGISTRY_ONLY: the first value of Istio's enum. */
function outboundPolicy(
  written: SidecarSpec['outboundTrafficPolicy'],
  namespace: string,
  settings: MeshSettings,
  origins: FieldOrigins,
): OutboundPolicy | undefined {
  if (written === undefined) return undefined;
  const { egressProxy } = written;
  const port = egressProxy?.port?.number;
  const at = origins.at(['spec', 'outboundTrafficPolicy', 'egressProxy', 'host']);
  return {
    mode: written.mode === 'ALLOW_ANY' ? 'ALLOW_ANY' : 'REGISTRY_ONLY',
    ...(egressProxy !== undefined &&
      port !== undefined && {
        egressProxy: {
          host: resolveHost(egressProxy.host, namespace, settings.domain, at),
          ...(egressProxy.subset !== undefined && { subset: egressProxy.subset }),
          port,
        },
      }),
  };
}

/** IST0111 for each of several Sidecars that are for one whole namespace. `sidecars` are in order of precedence: the first acts. */
export function sidecarDiagnostics(sidecars: readonly Sidecar[]): readonly Diagnostic[] {
  const forAll = Map.groupBy(
    sidecars.filter(({ workloadSelector }) => workloadSelector === undefined),
    ({ namespace }) => namespace,
  );
  return [...forAll].flatMap(([namespace, all]) => {
    const [first] = all;
    if (first === undefined || all.length < 2) return [];
    const names = all.map(({ name }) => name).join(', ');
    return all.map(
      ({ origin }): Diagnostic => ({
        code: 'IST0111',
        severity: 'error',
        message: `the Sidecars ${names} of namespace ${namespace} have no workloadSelector, so only ${first.name}, the oldest, acts`,
        hint: 'keep one of them, or give the others a workloadSelector',
        at: origin,
      }),
    );
  });
}
