// Where the router places a request: what its hash is made of, and which endpoint a cluster has for it.
import { type HashPolicyEntry, type HashSubject, hashRequest, type RequestHash } from '#decide/hash-policy.ts';
import type { RequestContext } from '#proxy/http/request-context.ts';
import type { ClusterRuntime } from '#proxy/upstream/cluster-runtime.ts';

/** Undefined where the cluster does not ask for it: hashing costs nothing then, and no cookie is made. */
export function placementOf(context: RequestContext, cluster: ClusterRuntime, policies: readonly HashPolicyEntry[]): RequestHash | undefined {
  return cluster.byHash && policies.length > 0 ? hashRequest(policies, subjectOf(context)) : undefined;
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
