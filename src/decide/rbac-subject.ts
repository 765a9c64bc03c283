// What RBAC looks at: the connection, the request where there is one, and what filters found out before. Addresses are parsed when a rule asks.
import { type IpAddress, parseIp } from '#base/cidr.ts';
import type { DynamicMetadata } from '#decide/dynamic-metadata.ts';
import type { ConnectionView, RequestView } from '#decide/views.ts';

export type RbacSubject = {
  readonly connection: ConnectionView;
  /** Undefined for a raw connection: rules about headers and paths then do not match. */
  readonly request: RequestView | undefined;
  /** What filters before this one found out. */
  readonly metadata?: DynamicMetadata | undefined;
  readonly destinationIp: IpAddress | undefined;
  /** The socket's peer, and the client behind trusted proxies. */
  readonly directRemoteIp: IpAddress | undefined;
  readonly remoteIp: IpAddress | undefined;
  /**
   * What the client's certificate says it is: URI names, DNS names, subject. Undefined where the connection came without TLS; a client that
   * showed no certificate has the empty subject (Envoy: AuthenticatedMatcher).
   */
  readonly principals: readonly string[] | undefined;
};

export function rbacSubject(connection: ConnectionView, request?: RequestView, metadata?: DynamicMetadata): RbacSubject {
  return new Subject(connection, request, metadata);
}

class Subject implements RbacSubject {
  readonly connection: ConnectionView;
  readonly request: RequestView | undefined;
  readonly metadata: DynamicMetadata | undefined;

  constructor(connection: ConnectionView, request: RequestView | undefined, metadata: DynamicMetadata | undefined) {
    this.connection = connection;
    this.request = request;
    this.metadata = metadata;
  }

  get destinationIp(): IpAddress | undefined {
    return parsed(this.connection.destinationAddress);
  }

  get directRemoteIp(): IpAddress | undefined {
    return parsed(this.connection.sender?.address ?? this.connection.sourceAddress);
  }

  get remoteIp(): IpAddress | undefined {
    const { remoteAddress, sourceAddress } = this.connection;
    return parsed(remoteAddress ?? sourceAddress);
  }

  get principals(): readonly string[] | undefined {
    const { secure, peerNames, peerSubject = '' } = this.connection;
    if (secure !== true && peerNames === undefined) return undefined;
    return peerNames === undefined ? [peerSubject] : [...peerNames, peerSubject];
  }
}

/** The same few addresses come again and again: those seen last are kept. */
const seen = new Map<string, IpAddress | undefined>();
const seenAtMost = 256;

function parsed(text: string): IpAddress | undefined {
  if (seen.has(text)) return seen.get(text);
  if (seen.size >= seenAtMost) seen.clear();
  const ip = parseIp(text);
  seen.set(text, ip);
  return ip;
}
