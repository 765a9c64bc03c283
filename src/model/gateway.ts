// A Gateway: which proxies (by selector) open which ports for which hosts.
import type { Origin } from '#base/origin.ts';

export type Gateway = {
  readonly name: string;
  readonly namespace: string;
  readonly selector: Readonly<Record<string, string>>;
  /** Host names of Services of the Gateway's namespace: only proxies behind one of them serve it, and only ports of theirs. Instead of `selector`. */
  readonly services?: readonly string[];
  readonly servers: readonly GatewayServer[];
  readonly origin: Origin;
};

export type GatewayServer = {
  readonly name?: string;
  /** The address to listen on instead of all. */
  readonly bind?: string;
  readonly tls?: ServerTls;
  readonly port: { readonly number: number; readonly name: string; readonly protocol: ServerProtocol };
  /** `namespace` is `*` (any), `.` resolved to the Gateway's own, or a name: whose VirtualServices may bind the host. */
  readonly hosts: readonly ServerHost[];
  readonly origin: Origin;
};

export type ServerHost = { readonly namespace: string; readonly host: string };

/** What a server speaks, as far as it changes what is done: the databases that Istio can name are bytes to it unless told otherwise. */
export type ServerProtocol = 'http' | 'http2' | 'grpc' | 'grpc-web' | 'https' | 'tls' | 'tcp' | 'udp';

/** What a server does with TLS. Certificates stay names here; whoever opens the port looks them up. */
export type ServerTls = {
  readonly mode: 'passthrough' | 'simple' | 'mutual' | 'auto-passthrough' | 'istio-mutual' | 'optional-mutual';
  /** Plain HTTP is answered with 301 to https. */
  readonly httpsRedirect: boolean;
  /** Where the server's certificates are from, in their order; none for modes that need none. */
  readonly certificates: readonly ServerCertificate[];
  /** What clients are verified against. */
  readonly clientCa?: { readonly kind: 'file'; readonly path: string } | CredentialName;
  readonly parameters: TlsParameters;
  readonly origin: Origin;
};

/** Files are on the machine of the proxy; secrets are named as in the Gateway (`credentialName`). */
export type ServerCertificate = { readonly kind: 'files'; readonly chain: string; readonly key: string } | CredentialName;

/** `granted`: the Gateway API lets its Gateway refer to it, also where it stands in another namespace. */
export type CredentialName = { readonly kind: 'secret'; readonly name: string; readonly granted?: true };

/** Versions undefined: the proxy's own limits. */
export type TlsParameters = {
  readonly minVersion?: TlsVersion;
  readonly maxVersion?: TlsVersion;
  readonly cipherSuites: readonly string[];
  readonly ecdhCurves: readonly string[];
  /** What a client's certificate must carry one of. */
  readonly subjectAltNames: readonly string[];
  /** Base64 of SHA-256 of the public key, and hexadecimal SHA-256 of the certificate. */
  readonly certificateSpki: readonly string[];
  readonly certificateHash: readonly string[];
  readonly crlFile?: string;
  /** A client's certificate need not be signed by the roots. */
  readonly skipsClientVerification: boolean;
};

export type TlsVersion = '1.0' | '1.1' | '1.2' | '1.3';

/** Plain HTTP, redirects to https included: all such servers of a port share one table of routes. */
export function isPlainHttpServer({ port: { protocol } }: GatewayServer): boolean {
  return protocol === 'http' || protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';
}

/** The server sees TLS that it passes on as it is. */
export function isPassthroughServer({ tls }: GatewayServer): boolean {
  return tls?.mode === 'passthrough' || tls?.mode === 'auto-passthrough';
}

/** TLS with a certificate of the server's own, HTTP inside. */
export function isHttpsServer(server: GatewayServer): boolean {
  return server.port.protocol === 'https' && server.tls !== undefined && !isPassthroughServer(server);
}

/** The server's connections are told apart by the name that clients ask for in their TLS handshake. Source: Istio, gateway.IsTLSServer. */
export function isTlsServer(server: GatewayServer): boolean {
  return server.tls !== undefined && !isPlainHttpServer(server);
}
