// An external authoriser as compiled: whom to ask, what to tell, and what its answer may change. For HTTP requests and for raw connections.
import type { DynamicMetadata } from '#decide/dynamic-metadata.ts';
import type { HeaderOperations } from '#decide/header-operations.ts';

/** True for the name of a header, in lower case. */
export type NameTest = (name: string) => boolean;

export type ExtAuthzEntry = {
  readonly service: AuthorizerService;
  /** How long an answer may take; 0: any time. */
  readonly timeoutMs: number;
  /** With no answer or a broken one: the request passes all the same, and where `marksFailure` upstream is told. */
  readonly failureModeAllow: boolean;
  readonly marksFailure: boolean;
  readonly statusOnError: number;
  /** Undefined: the body is not sent. */
  readonly body: CheckedBody | undefined;
  readonly clearsRoute: boolean;
  /** Answers with names or values that no header can have are refused. */
  readonly validatesChanges: boolean;
  /** The part of requests that are checked, 0 to 1, and what must be known of them. */
  readonly enabled: number;
  readonly enabledBy: ((metadata: DynamicMetadata | undefined) => boolean) | undefined;
  /** What is not checked is denied. */
  readonly deniesUnchecked: boolean;
  readonly metadataNamespaces: readonly string[];
  /** Undefined: all headers are told. */
  readonly allowedHeaders: NameTest | undefined;
  readonly disallowedHeaders: NameTest | undefined;
  readonly rawHeaders: boolean;
  readonly tellsCertificate: boolean;
  readonly tellsServerName: boolean;
  readonly takesMetadata: boolean;
  /** stat_prefix: stands among the names of its counters. */
  readonly statPrefix: string;
};

export type CheckedBody = { readonly maxBytes: number; readonly allowsPartial: boolean; readonly asBytes: boolean };

export type AuthorizerService =
  /** `metadata`: name, value, name, value … */
  { readonly kind: 'grpc'; readonly cluster: string; readonly authority: string; readonly metadata: readonly string[] } | HttpAuthorizer;

export type HttpAuthorizer = {
  readonly kind: 'http';
  readonly cluster: string;
  readonly pathPrefix: string;
  readonly addedHeaders: HeaderOperations;
  /** Headers of its answer: to upstream in place of or beside those there, to the client when denied and when allowed, and into the metadata. */
  readonly toUpstream: NameTest;
  readonly besideUpstream: NameTest;
  readonly toDeniedClient: NameTest;
  readonly toAllowedClient: NameTest;
  readonly toMetadata: NameTest;
};

/** What a route says: whether to ask at all, with what, and with which body. */
export type ExtAuthzOfRoute = { readonly context: Readonly<Record<string, string>>; readonly body: CheckedBody | 'none' | undefined };
