// One listener for each random policy configuration, on a live proxy of either kind: over HTTP in plaintext and over TLS, and raw connections that RBAC
// network filters guard. What became of each call is in the answer and in the access log, which names the policy.
import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { JsonObject } from '@bufbuild/protobuf';
import { ownPort, type PolicyRequest, type Visitor } from '#test/calls/random-policies.ts';
import {
  bootstrap,
  cluster,
  downstreamTls,
  fileLog,
  listener,
  type Part,
  tcpChain,
  tlsInspector,
  typedConfig,
} from '#test/support/bootstrap-parts.ts';
import { startPlane } from '#test/support/both-planes.ts';
import { type Authority, type Leaf, startAuthority } from '#test/support/certificates.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { jwksOf, makeKey, signToken } from '#test/support/token-signer.ts';
import { waitUntil } from '#test/support/wait-until.ts';

export type PolicyListener = {
  readonly kind: 'http' | 'https' | 'tcp' | 'tls';
  /** RBAC of each filter, envoy.extensions.filters.http.rbac.v3.RBAC or the network's. */
  readonly filters: readonly JsonObject[];
  readonly manager: JsonObject;
  /** What the route of paths below /a says instead, envoy.extensions.filters.http.rbac.v3.RBACPerRoute. */
  readonly ofRoute: JsonObject | undefined;
};

/** `200 - …` and its like, of each call in order: answer and access log. */
export type Outcome = string;

export type PolicyStage = AsyncDisposable & {
  readonly run: (
    binary: string | undefined,
    listeners: readonly PolicyListener[],
    calls: readonly (readonly PolicyRequest[])[],
  ) => Promise<readonly (readonly Outcome[])[]>;
};

type Certificates = {
  readonly authority: Authority;
  readonly server: Leaf;
  readonly clients: Readonly<Record<Exclude<Visitor['certificate'], 'none'>, Leaf>>;
};

const key = makeKey('ES256', 'key');

export async function startPolicyStage(): Promise<PolicyStage> {
  const authority = await startAuthority();
  const certificates: Certificates = {
    authority,
    server: await authority.issue('server', ['DNS:a.example.com', 'DNS:b.example.com']),
    clients: {
      x: await authority.issue('x', ['URI:spiffe://mesh/ns/a/sa/x', 'DNS:client.example']),
      y: await authority.issue('y', ['DNS:client.example', 'URI:spiffe://mesh/ns/b/sa/y', 'URI:spiffe://other/ns/a/sa/x']),
      plain: await authority.issue('plain', ['email:nobody@example.com']),
    },
  };
  const backend = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', () => socket.write('pong\n'));
    socket.on('end', () => socket.end());
  });
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', () => resolve()));
  const backendPort = (backend.address() as AddressInfo).port; // it listens on TCP
  return {
    run: (binary, listeners, calls) => runPlane(binary, listeners, calls, certificates, backendPort),
    [Symbol.asyncDispose]: async () => {
      await new Promise((resolve) => backend.close(resolve));
      await authority[Symbol.asyncDispose]();
    },
  };
}

async function runPlane(
  binary: string | undefined,
  listeners: readonly PolicyListener[],
  calls: readonly (readonly PolicyRequest[])[],
  certificates: Certificates,
  backendPort: number,
): Promise<readonly (readonly Outcome[])[]> {
  await using folder = await temporaryFolder();
  const ports = await listenPorts(listeners.length);
  const logs = listeners.map((_, index) => join(folder.path, `${index}.log`));
  const parts = listeners.map((each, index) => listenerPart(each, index, ports[index] ?? 0, logs[index] ?? '', certificates));
  const answers: string[][] = [];
  {
    await using plane = await startPlane(binary, bootstrap(parts, [cluster('backend', backendPort)]));
    void plane;
    for (const [index, { kind }] of listeners.entries()) {
      const results: string[] = [];
      for (const call of calls[index] ?? []) {
        const port = ports[index] ?? 0;
        results.push(
          kind === 'http' || kind === 'https'
            ? await callHttp(kind, port, call, certificates)
            : await callTcp(kind, port, call.visitor, certificates),
        );
      }
      answers.push(results);
    }
    for (const [index, log] of logs.entries()) {
      const expected = calls[index]?.length ?? 0;
      await waitUntil(`${expected} lines in the access log of listener ${index}`, async () => (await linesOf(log)).length >= expected);
    }
  }
  const lines = await Promise.all(logs.map(linesOf));
  return answers.map((results, index) => {
    const logged = lines[index] ?? [];
    // Whose connection ends first is not for us to say.
    return listeners[index]?.kind.startsWith('http') === true
      ? results.map((answer, at) => `${answer} ${logged[at] ?? ''}`)
      : results.map((answer, at) => (at === 0 ? `${answer} ${logged.toSorted().join(', ')}` : answer));
  });
}

async function linesOf(file: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

function listenerPart(
  { kind, filters, manager, ofRoute }: PolicyListener,
  index: number,
  port: number,
  log: string,
  certificates: Certificates,
): Part {
  const isHttp = kind === 'http' || kind === 'https';
  const type = isHttp ? 'extensions.filters.http.rbac.v3.RBAC' : 'extensions.filters.network.rbac.v3.RBAC';
  const gates = filters.map((config) => ({
    name: isHttp ? 'envoy.filters.http.rbac' : 'envoy.filters.network.rbac',
    typed_config: typedConfig(type, { ...(withPort(config, port) as Part), ...(isHttp ? {} : { stat_prefix: 's' }) }), // an object stays one
  }));
  const chain = isHttp
    ? httpChain(gates, manager, ofRoute === undefined ? undefined : (withPort(ofRoute, port) as Part), log)
    : guardedTcp(gates, log);
  const secured = kind === 'https' || kind === 'tls';
  return listener(`l${index}`, port, [secured ? { ...chain, ...tlsOf(certificates) } : chain], secured ? tlsInspector : {});
}

/** Rules that ask for the listener's own port get it. */
function withPort(json: unknown, port: number): unknown {
  return JSON.parse(JSON.stringify(json).replaceAll(`"destination_port":${ownPort}`, `"destination_port":${port}`));
}

function httpChain(gates: readonly Part[], manager: JsonObject, ofRoute: Part | undefined, log: string): Part {
  const jwt = {
    name: 'envoy.filters.http.jwt_authn',
    typed_config: typedConfig('extensions.filters.http.jwt_authn.v3.JwtAuthentication', {
      providers: { p: { issuer: 'me', local_jwks: { inline_string: jwksOf(key) }, payload_in_metadata: 'payload', forward: true } },
      rules: [{ match: { prefix: '/' }, requires: { requires_any: { requirements: [{ provider_name: 'p' }, { allow_missing: {} }] } } }],
    }),
  };
  const answer = { direct_response: { status: 200, body: { inline_string: 'pass' } } };
  const said = ofRoute === undefined ? {} : { 'envoy.filters.http.rbac': typedConfig('extensions.filters.http.rbac.v3.RBACPerRoute', ofRoute) };
  const routes = [
    { match: { prefix: '/a' }, ...answer, typed_per_filter_config: said },
    { match: { prefix: '' }, ...answer },
  ];
  const config = typedConfig('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'policies',
    route_config: {
      name: 'r',
      virtual_hosts: [{ name: 'v', domains: ['*'], routes }],
    },
    http_filters: [jwt, ...gates, { name: 'router', typed_config: typedConfig('extensions.filters.http.router.v3.Router') }],
    access_log: [fileLog(log, '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n')],
    ...manager,
  });
  return { filters: [{ name: 'http', typed_config: config }] };
}

function guardedTcp(gates: readonly Part[], log: string): Part {
  const { filters, ...chain } = tcpChain('backend', { access_log: [fileLog(log, '%RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS%\n')] });
  return { ...chain, filters: [...gates, ...(filters as readonly Part[])] }; // as tcpChain made them
}

function tlsOf({ authority, server }: Certificates): Part {
  return downstreamTls({
    common_tls_context: {
      tls_certificates: [{ certificate_chain: { filename: server.certificateFile }, private_key: { filename: server.keyFile } }],
      validation_context: { trusted_ca: { filename: authority.caFile } },
    },
  });
}

function tlsOptions({ serverName, certificate }: Visitor, { authority, clients }: Certificates) {
  const leaf = certificate === 'none' ? undefined : clients[certificate];
  return {
    ca: authority.ca,
    servername: serverName,
    checkServerIdentity: () => undefined,
    ...(leaf === undefined ? {} : { cert: leaf.certificate, key: leaf.key }),
  };
}

/** The status, and whether it came from behind the policies. */
function callHttp(kind: 'http' | 'https', port: number, call: PolicyRequest, certificates: Certificates): Promise<string> {
  const { visitor, method, authority, path, headers, claims } = call;
  const token = claims === undefined ? {} : { authorization: `Bearer ${signToken(key, claims)}` };
  const options: RequestOptions = {
    host: '127.0.0.1',
    port,
    method,
    path,
    headers: { host: authority, ...mutable(headers), ...token },
    agent: false,
    localAddress: visitor.from,
    signal: AbortSignal.timeout(10_000),
    ...(kind === 'https' ? tlsOptions(visitor, certificates) : {}),
  };
  return new Promise((resolve, reject) => {
    const outgoing = (kind === 'https' ? httpsRequest : httpRequest)(options, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (part: string) => (body += part));
      answer.on('error', reject);
      answer.on('end', () => resolve(`${answer.statusCode ?? 0} ${body}`));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

function mutable(headers: PolicyRequest['headers']): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]));
}

/** Says something and waits for the answer, or for the end. */
function callTcp(kind: 'tcp' | 'tls', port: number, visitor: Visitor, certificates: Certificates): Promise<string> {
  return new Promise((resolve) => {
    const target = { host: '127.0.0.1', port, localAddress: visitor.from };
    const speak = (socket: Socket): void => {
      socket.write('ping\n');
    };
    const socket: Socket =
      kind === 'tls' ? connectTls({ ...target, ...tlsOptions(visitor, certificates) }, () => speak(socket)) : connectTcp(target, () => speak(socket));
    const end = (outcome: string): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(10_000, () => end('silent'));
    socket.on('data', () => end('open'));
    socket.on('error', () => end('closed'));
    socket.on('close', () => end('closed'));
  });
}
