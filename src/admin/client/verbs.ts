// What the admin API can be asked to do with a running mesh, as plain values on both sides of it: queries in, tables and answers out, and a
// failure that says what to do. app/ makes the verbs; the command line and pages ask for them.
import type { Duplex, Readable, Writable } from 'node:stream';
import type { CallerMessage, MeshMessage, RunRequest } from '#admin/client/run-messages.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Result } from '#base/result.ts';

/** Why a verb was not done. `status` is HTTP's. */
export type VerbFailure = {
  readonly status: 400 | 404 | 409 | 422;
  readonly error: string;
  readonly hint?: string;
  /** What is wrong with what was sent, with its lines. */
  readonly diagnostics?: readonly Diagnostic[];
};

/** One resource by any name its kind has (`vs`, `pods`, `gateways.networking.istio.io`). */
export type ResourceName = { readonly kind: string; readonly name: string; readonly namespace: string };

export type ResourceQuery = {
  readonly kind: string;
  /** All of the kind where absent. */
  readonly name?: string;
  /** All namespaces where absent. */
  readonly namespace?: string;
  /** As kubectl's -l: `app=a,version!=v1,env in (x,y),!old`. */
  readonly selector?: string;
};

export type ResourceRow = {
  readonly name: string;
  /** '' for kinds without one. */
  readonly namespace: string;
  /** As many as the list has columns. */
  readonly cells: readonly string[];
  /** The resource as it would stand in a file. */
  readonly object: object;
};

export type ResourceColumn = { readonly title: string /** Shown on request only. */; readonly wide?: true };

export type ResourceList = {
  /** As users write it, `VirtualService`. */
  readonly kind: string;
  /** `virtualservice`, or with its group where another kind has that name: what stands before the slash in `-o name`. */
  readonly label: string;
  readonly namespaced: boolean;
  /** Without the name, which is always first. */
  readonly columns: readonly ResourceColumn[];
  readonly rows: readonly ResourceRow[];
};

/** A part of a description: pairs, then a table, then lines; any of them may be empty. */
export type DescribedSection = {
  /** '' for the first one. */
  readonly heading: string;
  readonly pairs?: readonly (readonly [string, string])[];
  readonly table?: readonly (readonly string[])[];
  readonly lines?: readonly string[];
};

export type Description = { readonly sections: readonly DescribedSection[] };

/** What happened to one resource: `virtualservice/reviews configured (in place of routing.yaml:12:1)`. */
export type ResourceChange = {
  readonly resource: string;
  readonly namespace: string;
  readonly change: 'created' | 'configured' | 'unchanged' | 'deleted' | 'restarted' | 'scaled';
  /** What else there is to know, in a few words. */
  readonly note?: string;
};

export type ChangeAnswer = {
  readonly changes: readonly ResourceChange[] /** Warnings about what was taken. */;
  readonly diagnostics: readonly Diagnostic[];
};

/** Texts of YAML files as they were given; `namespace` is for resources that name none. */
export type ManifestRequest = {
  readonly files: readonly { readonly file: string; readonly text: string }[];
  readonly namespace?: string;
  readonly dryRun?: boolean;
};

export type RolloutView = {
  readonly resource: string;
  readonly isDone: boolean;
  /** `2 of 3 updated pods are ready`. */
  readonly message: string;
};

export type ExecRequest = {
  readonly pod: string;
  readonly namespace: string;
  readonly container?: string;
  /** Program and arguments, never empty. */
  readonly command: readonly string[];
  /** A terminal of this kind and size; pipes where absent. */
  readonly terminal?: { readonly name: string; readonly rows: number; readonly columns: number };
};

/** A command that runs in a container. With a terminal everything comes by `output`. */
export type ExecSession = {
  readonly input: Writable;
  readonly output: Readable;
  readonly errors?: Readable;
  /** A shell's code: 128 + n where signal n ended it, 127 where there is no such program. */
  readonly ended: Promise<{ readonly code: number; readonly reason?: string }>;
  readonly resize: (rows: number, columns: number) => void;
  readonly signal: (signal: NodeJS.Signals) => void;
};

/** `kind` is one that has pods, or a Service; `port` its own, by number or name. */
export type ForwardRequest = ResourceName & { readonly port: string };

/** A process of somebody else's that is a pod of the mesh. */
export type RunSession = {
  /** Who is told from now on, and what there was to say so far. */
  readonly listen: (tell: (message: MeshMessage) => void) => void;
  readonly take: (message: CallerMessage) => void;
  /** Whoever asked is not there any more. */
  readonly gone: () => void;
  /** Resolves when nothing of it is left. */
  readonly left: Promise<void>;
};

export type MeshVerbs = {
  readonly get: (query: ResourceQuery) => Result<ResourceList, VerbFailure>;
  /** Calls `listener` whenever a list may have become another one; the returned function ends that. */
  readonly onChange: (listener: () => void) => () => void;
  readonly describe: (resource: ResourceName) => Result<Description, VerbFailure>;
  readonly apply: (request: ManifestRequest) => Result<ChangeAnswer, VerbFailure>;
  readonly remove: (request: ResourceName) => Result<ChangeAnswer, VerbFailure>;
  /** Everything that the files name. */
  readonly removeFiles: (request: ManifestRequest) => Result<ChangeAnswer, VerbFailure>;
  readonly scale: (request: ResourceName & { readonly replicas: number }) => Result<ChangeAnswer, VerbFailure>;
  readonly restart: (request: ResourceName) => Result<ChangeAnswer, VerbFailure>;
  readonly rollout: (request: ResourceName) => Result<RolloutView, VerbFailure>;
  readonly exec: (request: ExecRequest) => Result<ExecSession, VerbFailure>;
  /** Makes a place for the caller's process. */
  readonly run: (request: RunRequest) => Result<RunSession, VerbFailure>;
  /** A connection to a pod, and what it leads to: `reviews-v1-0 port 9080`. */
  readonly connect: (request: ForwardRequest) => Promise<Result<{ readonly socket: Duplex; readonly to: string }, VerbFailure>>;
};
