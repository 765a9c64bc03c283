// One object that a user wrote, whatever its kind: its metadata, its body as validated, and where each field stands.
import type { Origin } from '#base/origin.ts';

export type ObjectMeta = {
  readonly name: string;
  /** '' for cluster-scoped kinds. */
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly uid?: string;
  /** RFC 3339. Istio breaks ties by age, then by name. */
  readonly creationTimestamp?: string;
  /** Which edition of the spec this is, as a cluster counts them. */
  readonly generation?: number;
};

/** Answers where a field stands in the file. A path that is not written there answers with its nearest ancestor that is. */
export type FieldOrigins = {
  /** The start of the resource. */
  readonly start: Origin;
  /** `['spec', 'http', 0, 'route']` → its place, with `resource` and `path` filled in. */
  readonly at: (path: readonly (string | number)[]) => Origin;
};

/** A resource of kind `Kind` whose body (spec, status, data, …) is `Body`. Frozen by its source. */
export type Resource<Kind extends string = string, Body = unknown> = {
  readonly apiVersion: string;
  readonly kind: Kind;
  readonly metadata: ObjectMeta;
  readonly origins: FieldOrigins;
} & Body;

/** `namespace/name`, or `name` for cluster-scoped kinds: the key of a resource among its kind. */
export function resourceKey(metadata: { readonly namespace: string; readonly name: string }): string {
  return metadata.namespace === '' ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}
