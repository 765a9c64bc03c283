// A mesh, or what a proxy is told, as text for people and for goldens: YAML or JSON with keys in a stable order.
import { stringify } from 'yaml';
import { formatOrigin } from '#base/origin.ts';
import { SecretText } from '#base/secret-text.ts';
import type { Compiled } from '#compile/compiled.ts';
import { printMessage } from '#envoy/print.ts';
import { typeUrls } from '#envoy/type-url.ts';
import type { Credential } from '#model/credential.ts';
import type { Mesh } from '#model/mesh.ts';
import { allServices } from '#model/service.ts';

export type DumpFormat = 'yaml' | 'json';

/** Any plain value as text. */
export function formatDump(value: unknown, format: DumpFormat): string {
  return format === 'json' ? `${JSON.stringify(value, undefined, 2)}\n` : stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** The mesh without its diagnostics; origins as `file:line:col`. */
export function dumpMesh(mesh: Mesh): unknown {
  const { settings, aliases, workloads, workloadEntries, gateways, virtualServices, destinationRules, authorizationPolicies, credentials } = mesh;
  const byName = byKey(({ namespace, name }: { readonly namespace: string; readonly name: string }) => `${namespace}/${name}`);
  const held = [...credentials.values()].filter(({ keyPair, roots }) => keyPair !== undefined || roots !== undefined);
  return toPlain({
    settings,
    services: [...allServices(mesh)].sort(byKey(({ hostname }) => hostname)),
    ...(aliases.size > 0 && { aliases: [...aliases.values()].sort(byName) }),
    workloads: [...workloads.values()].sort(byName),
    ...(workloadEntries.size > 0 && { workloadEntries: [...workloadEntries.values()].sort(byName) }),
    gateways,
    virtualServices,
    destinationRules,
    ...(authorizationPolicies.length > 0 && { authorizationPolicies: authorizationPolicies.map(withoutUnasked) }),
    ...(held.length > 0 && { credentials: held.sort(byName).map(contentsOf) }),
  });
}

/** Of a rule only what it asks for: most of its fields are empty. */
function withoutUnasked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUnasked);
  if (typeof value !== 'object' || value === null || isOrigin(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, withoutUnasked(item)] as const);
  return Object.fromEntries(entries.filter(([key, item]) => key === 'rules' || !isEmpty(item)));
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** What a credential holds, by name: the model shows no certificate, and nothing shows a key. */
function contentsOf({ kind, name, namespace, keyPair, roots, crl, origin }: Credential): unknown {
  const holds = { certificate: keyPair !== undefined, roots: roots !== undefined, crl: crl !== undefined };
  return { kind, name, namespace, holds: Object.keys(holds).filter((part) => holds[part as keyof typeof holds]), origin }; // the keys just written
}

/** Resource kinds by the name under which they are shown, in the order in which a request meets them. */
const shownTypes = [
  ['listeners', typeUrls.listener],
  ['routes', typeUrls.route],
  ['clusters', typeUrls.cluster],
  ['endpoints', typeUrls.endpoint],
  ['secrets', typeUrls.secret],
  ['names', typeUrls.nameTable],
] as const;

/** Most proxies have no secrets of the control plane, and no name server. */
const rare: ReadonlySet<ShownType> = new Set(['secrets', 'names']);

export type ShownType = (typeof shownTypes)[number][0];

/** All resources of a proxy by type, sorted by name. `only` leaves out the other types. */
export function dumpXds({ resources }: Compiled, only?: readonly ShownType[]): Readonly<Record<string, unknown>> {
  const shown = shownTypes.filter(([name, typeUrl]) => (only === undefined ? !rare.has(name) || resources.has(typeUrl) : only.includes(name)));
  return Object.fromEntries(
    shown.map(([name, typeUrl]) => [
      name,
      [...(resources.get(typeUrl)?.values() ?? [])]
        .sort(byKey((resource) => resource.name))
        .map(({ schema, message }) => printMessage(schema, message)),
    ]),
  );
}

function byKey<Item>(key: (item: Item) => string): (a: Item, b: Item) => number {
  return (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
}

/** Maps and sets as objects and lists, origins as one line of text. */
function toPlain(value: unknown): unknown {
  if (value instanceof Set) return [...value].map(toPlain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), toPlain(item)]));
  if (Array.isArray(value)) return value.map(toPlain);
  if (value instanceof SecretText) return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (isOrigin(value)) return formatOrigin(value);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toPlain(item)]));
}

function isOrigin(value: object): value is { readonly file: string; readonly line: number; readonly col: number } {
  return 'file' in value && 'line' in value && 'col' in value;
}
