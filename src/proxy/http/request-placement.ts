// Where the router places a request: what its hash is made of, and which endpoint a cluster has for it.
import { dynamicDestination } from '#decide/dynamic-destination.ts';
import { type HashPolicyEntry, type HashSubject, hashRequest, type RequestHash } from '#decide/hash-policy.ts';
import type { RequestContext } from '#proxy/http/request-context.ts';
import type { ClusterRuntime } from '#proxy/upstream/cluster-runtime.ts';
import type { Endpoint } from '#proxy/upstream/endpoint.ts';

/** Undefined where the cluster does not ask for it: hashing costs nothing then, and no cookie is made. */
export function placementOf(context: RequestContext, cluster: ClusterRuntime, policies: readonly HashPolicyEntry[]): RequestHash | undefined {
  return cluster.byHash && policies.length > 0 ? hashRequest(policies, subjectOf(context)) : undefined;
}

/** ORIGINAL_DST goes where a header or the client's connection says, a dynamic forward proxy to the host that the request asks for. */
export function namedEndpoint(context: RequestContext, cluster: ClusterRuntime): Endpoint | undefined {
  if (cluster.entry.discovery === 'original-dst') return cluster.originalDestination(context.record.connection, (name) => context.header(name));
  const asked = dynamicDestination(context.stream.request.authority, cluster.entry.tls !== undefined);
  return asked === undefined ? undefined : cluster.endpointFor(asked.address, asked.port);
}

function subjectOf({ stream, notes, record }: RequestContext): HashSubject {
  const { request } = stream;
  return {
    path: request.path,
    headerValues: (name) => {
      if (name.startsWith(':')) return pseudoHeader(request, name);
      if (name === 'host') return [request.authority];
      const values: string[] = [];
      for (let index = 0; index < request.headers.length; index += 2)
        if (request.headers[index] === name) values.push(request.headers[index + 1] ?? '');
      return values;
    },
    remoteIp: notes.remoteIp === '' ? record.connection.directRemoteIp : notes.remoteIp,
    remoteAddress: record.connection.directRemoteAddress,
    localAddress: record.connection.localAddress,
  };
}

function pseudoHeader(request: RequestContext['stream']['request'], name: string): readonly string[] {
  switch (name) {
    case ':authority':
      return [request.authority];
    case ':path':
      return [request.path];
    case ':method':
      return [request.method];
    case ':scheme':
      return [request.scheme];
    default:
      return [];
  }
}
