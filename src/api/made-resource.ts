// Resources that Heddle itself makes: running Pods, their EndpointSlices, the ingress gateway that is added. They come from no file of the
// user, so every field of one has the same place.
import type { KindMap, KindName } from '#api/kinds.ts';
import { kinds } from '#api/kinds.ts';
import type { FieldOrigins } from '#api/resource.ts';
import { formatPath, type Origin } from '#base/origin.ts';

/** What has to be said about a made resource; everything that is left out is empty. */
export type MadeMetadata = {
  readonly name: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
};

type Body<Kind extends KindName> = Omit<KindMap[Kind], 'apiVersion' | 'kind' | 'metadata' | 'origins'>;

/** A frozen resource of `kind`. `origin` says what it stands for, such as the Pod's template, or `{ file: 'heddle', line: 0, col: 0 }`. */
export function madeResource<Kind extends KindName>(kind: Kind, metadata: MadeMetadata, body: Body<Kind>, origin: Origin): KindMap[Kind] {
  const { group, versions } = kinds[kind];
  const resource = Object.freeze({
    apiVersion: group === '' ? versions[0] : `${group}/${versions[0]}`,
    kind,
    metadata: Object.freeze({ labels: {}, annotations: {}, ...metadata }),
    origins: originsAt(origin),
    ...body,
  });
  // TypeScript does not put KindMap[Kind] together again from its parts.
  return resource as unknown as KindMap[Kind];
}

function originsAt(origin: Origin): FieldOrigins {
  return { start: origin, at: (path) => ({ ...origin, path: formatPath(path) }) };
}
