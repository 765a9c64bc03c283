// MeshConfig.extensionProviders that authorise: services that are asked whether a request may go on (action CUSTOM).
import type { Origin } from '#base/origin.ts';

/** Sizes in bytes, times in milliseconds. Source: Istio, MeshConfig.ExtensionProvider.EnvoyExternalAuthorization{Http,Grpc}Provider. */
export type ExternalAuthorizer = {
  readonly name: string;
  /** A host of the mesh, with or without its namespace in front (`namespace/host`). */
  readonly service: string;
  readonly port: number;
  readonly timeoutMs: number;
  /** The request goes on where nobody answers; refused unless set. */
  readonly failOpen: boolean;
  /** The status of a refusal because nobody answered; 403 unless set. */
  readonly statusOnError?: number;
  readonly clearRouteCache: boolean;
  readonly body?: { readonly maxBytes: number; readonly allowPartial: boolean; readonly asBytes: boolean };
  readonly protocol:
    | { readonly kind: 'grpc' }
    | {
        readonly kind: 'http';
        readonly pathPrefix: string;
        /** Of the check request; each exact, `prefix*` or `*suffix`. */
        readonly includeRequestHeaders: readonly string[];
        readonly addToCheck: Readonly<Record<string, string>>;
        readonly headersToUpstreamOnAllow: readonly string[];
        readonly headersToDownstreamOnAllow: readonly string[];
        readonly headersToDownstreamOnDeny: readonly string[];
      };
  readonly origin: Origin;
};
