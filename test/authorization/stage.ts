// The mesh that the tables of this folder are about: a workload `stock` with a port for HTTP and one for bytes, which policies are for, and
// whoever calls it. In: policies and a call. Out: what the mesh tells the workload's proxy, and the call as decide sees it.
import { parse } from 'yaml';
import { readText } from '#api/read-text.ts';
import { formatDiagnostic } from '#base/diagnostic.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import type { Call } from '#decide/decision.ts';
import type { ResourceSet } from '#envoy/resource.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Interception, Proxy } from '#model/proxy.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import { jwksOf, namedKey, signToken } from '#test/support/token-signer.ts';

/** The ports of the workload. */
export const ports = { http: 8080, bytes: 9090 } as const;

export type TableCase = {
  readonly name: string;
  /** MeshConfig. */
  readonly mesh?: Readonly<Record<string, unknown>>;
  /** Policies as users write them, without what is the same for all: apiVersion, kind AuthorizationPolicy, the name `p0`, `p1`, … */
  readonly policies: readonly WrittenPolicy[];
  /** Further resources, as they are. */
  readonly more?: readonly object[];
  /** Whose tokens are checked. */
  readonly issuers?: readonly string[];
  readonly calls: readonly TableCall[];
};

type WrittenPolicy = {
  readonly name?: string;
  readonly namespace?: string;
  readonly kind?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec: unknown;
};

export type TableCall = {
  /** `namespace/account`, or a whole identity without `spiffe://`; nobody: plaintext. */
  readonly by?: string;
  /** `GET /path`; none: bytes. */
  readonly get?: string;
  readonly post?: string;
  readonly call?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly bytes?: true;
  /** Claims of the token that it carries. */
  readonly token?: Readonly<Record<string, unknown>>;
  /** The caller's address; needs no network where decide alone is asked. */
  readonly from?: string;
  readonly allowed: boolean;
  /** The policy that decides, where one does. */
  readonly policy?: string;
};

const namespace = 'shop';

const base = `
apiVersion: v1
kind: Service
metadata: { name: stock, namespace: ${namespace} }
spec: { selector: { app: stock }, ports: [{ name: http, port: 80, targetPort: ${ports.http} }, { name: tcp-bytes, port: ${ports.bytes} }] }
---
apiVersion: v1
kind: Pod
metadata: { name: stock, namespace: ${namespace}, labels: { app: stock, version: v1 } }
spec: { serviceAccountName: stock, containers: [{ name: app, image: stock, ports: [{ containerPort: ${ports.http} }, { containerPort: ${ports.bytes} }] }] }
`;

const key = namedKey('policies');

/** What a call carries: its headers, in lower case, and its token. */
export function headersOf({ headers = {}, token }: TableCall): Readonly<Record<string, string>> {
  const written = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  // Good for an hour: what becomes of bad tokens is not asked here.
  const exp = Math.floor(Date.now() / 1000) + 3600;
  return { host: stageHost, ...written, ...(token !== undefined && { authorization: `Bearer ${signToken(key, { exp, ...token })}` }) };
}

function tokenRules(issuers: readonly string[]): object {
  const jwtRules = issuers.map((issuer) => ({ issuer, jwks: jwksOf(key) }));
  return { apiVersion: 'security.istio.io/v1', kind: 'RequestAuthentication', metadata: { name: 'tokens', namespace }, spec: { jwtRules } };
}

export function stageMesh({ name, mesh, policies, issuers = [], more = [] }: TableCase): Mesh {
  const config =
    mesh === undefined
      ? []
      : [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio', namespace: 'istio-system' }, data: { mesh: JSON.stringify(mesh) } }];
  const written = policies.map(({ name: own, namespace: home = namespace, kind = 'AuthorizationPolicy', annotations, spec }, index) => ({
    apiVersion: 'security.istio.io/v1',
    kind,
    metadata: { name: own ?? `p${index}`, namespace: home, ...(annotations !== undefined && { annotations }) },
    spec,
  }));
  const tokens = issuers.length === 0 ? [] : [tokenRules(issuers)];
  const text = [base, ...[...config, ...tokens, ...more, ...written].map((one) => JSON.stringify(one))].join('\n---\n');
  const { items, syntaxErrors } = readText('policies.yaml', text);
  const problems = [...syntaxErrors, ...items.flatMap(({ diagnostics }) => diagnostics)].filter(({ severity }) => severity === 'error');
  if (problems.length > 0) throw new Error(`${name}: ${problems.map(formatDiagnostic).join('\n')}`);
  return buildMesh(
    nextSnapshot(
      undefined,
      items.flatMap(({ resource }) => resource ?? []),
      [],
    ),
  );
}

/** What the workload's proxy is told. */
export function stageProxy(mesh: Mesh, interception: Interception): { readonly proxy: Proxy; readonly resources: ResourceSet } {
  const workload = mesh.workloads.get(`${namespace}/stock`);
  if (workload === undefined) throw new Error('the stage has no workload');
  const { withoutIdentity: _none, ...own } = proxyForWorkload(mesh, workload, interception);
  const proxy = { ...own, serviceAccount: 'stock' };
  return { proxy, resources: new MeshCompiler(mesh).compile(proxy).resources };
}

/** `spiffe://…` of the caller; undefined for nobody. */
export function identityOf({ by }: TableCall): string | undefined {
  if (by === undefined) return undefined;
  const parts = by.split('/');
  return parts.length === 2 ? `spiffe://cluster.local/ns/${parts[0]}/sa/${parts[1]}` : `spiffe://${by}`;
}

export type RequestLine = { readonly method: string; readonly path: string };

/** Undefined for a connection of bytes. */
export function requestOf({ get, post, call, bytes }: TableCall): RequestLine | undefined {
  if (bytes === true) return undefined;
  if (get !== undefined) return { method: 'GET', path: get };
  if (post !== undefined) return { method: 'POST', path: post };
  const [method = 'GET', path = '/'] = (call ?? 'GET /').split(' ');
  return { method, path };
}

export const stageHost = 'stock.shop.svc.cluster.local';

/** As redirection brings it to the proxy. */
export function decideCall(call: TableCall, proxy: Proxy): Call {
  const request = requestOf(call);
  const identity = identityOf(call);
  const headers = new Map(Object.entries(headersOf(call)));
  const forwarded = headers.get('x-forwarded-for')?.split(',').at(-1)?.trim();
  const meshNames = request === undefined ? ['istio'] : ['istio-http/1.1', 'istio', 'http/1.1'];
  return {
    connection: {
      destinationAddress: proxy.addresses[0] ?? '',
      destinationPort: request === undefined ? ports.bytes : ports.http,
      sourceAddress: call.from ?? '127.0.0.1',
      sourcePort: 40_000,
      ...(forwarded !== undefined && { remoteAddress: forwarded }),
      ...(identity === undefined
        ? { transportProtocol: 'raw_buffer' as const, applicationProtocols: request === undefined ? [] : ['http/1.1'] }
        : {
            transportProtocol: 'tls' as const,
            applicationProtocols: meshNames,
            serverName: `outbound_.80_._.${stageHost}`,
            secure: true,
            peerNames: [identity],
          }),
    },
    acceptedOn: { address: '127.0.0.1', port: 15_006 },
    ...(request !== undefined && {
      request: {
        method: request.method,
        scheme: 'http',
        authority: headers.get('host') ?? stageHost,
        path: request.path,
        header: (name: string) => headers.get(name),
      },
    }),
    timeMs: Date.now(),
  };
}

export function readTable(text: string): readonly TableCase[] {
  // Written by us, beside the tests; a slip shows as a failing row.
  return parse(text) as readonly TableCase[];
}
