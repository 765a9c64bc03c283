// What an apiVersion and a kind stand for: a kind that Heddle reads, one it knows by name only, one of somebody else's, or a mistake.
import { type KindDefinition, type KindName, kindNames, kinds } from '#api/kinds.ts';
import { kindsWithoutEffect } from '#api/known-kinds.ts';
import { closest } from '#base/closest.ts';

export type KindLookup =
  | { readonly kind: 'read'; readonly name: KindName; readonly definition: KindDefinition }
  /** Accepted without effect; `foreign` where the API group itself is unknown here, such as another project's custom resources. */
  | { readonly kind: 'without-effect'; readonly foreign: boolean }
  | { readonly kind: 'unknown-version'; readonly versions: readonly string[] }
  | { readonly kind: 'unknown'; readonly guess: { readonly apiVersion: string; readonly kind: string } | undefined };

/** Looks a kind up. `apiVersion` is `group/version`, or `version` for the core group. */
export function lookUpKind(apiVersion: string, kind: string): KindLookup {
  const [group, version] = splitApiVersion(apiVersion);
  const name = kindNames().find((candidate) => kinds[candidate].kind === kind && kinds[candidate].group === group);
  if (name !== undefined) {
    const definition: KindDefinition = kinds[name];
    return definition.versions.includes(version) ? { kind: 'read', name, definition } : { kind: 'unknown-version', versions: definition.versions };
  }
  if (kindsWithoutEffect[group]?.includes(kind)) return { kind: 'without-effect', foreign: false };
  const guess = guessKind(group, kind);
  const isForeign = group.includes('.') && !knownGroups().has(group);
  return isForeign && guess === undefined ? { kind: 'without-effect', foreign: true } : { kind: 'unknown', guess };
}

function splitApiVersion(apiVersion: string): readonly [group: string, version: string] {
  const slash = apiVersion.indexOf('/');
  return slash === -1 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}

function knownGroups(): ReadonlySet<string> {
  return new Set([...Object.keys(kindsWithoutEffect), ...kindNames().map((name) => kinds[name].group)]);
}

/** The kind that was meant: the same kind of another group, or a kind of this group with a similar name. */
function guessKind(group: string, kind: string): { readonly apiVersion: string; readonly kind: string } | undefined {
  const groups = knownGroups();
  const closestGroup = groups.has(group) ? group : closest(group, groups);
  const meant = closestGroup === undefined ? undefined : closest(kind, kindsOf(closestGroup));
  if (closestGroup !== undefined && meant !== undefined) return { apiVersion: apiVersionOf(closestGroup, meant), kind: meant };
  // Only Kubernetes has groups without a dot; one that is gone, such as extensions, had kinds that are elsewhere now.
  if (!groups.has(group) && group.includes('.')) return undefined;
  const all = [...groups].flatMap((candidate) => kindsOf(candidate).map((name) => ({ group: candidate, name })));
  const word = all.some(({ name }) => name === kind)
    ? kind
    : groups.has(group)
      ? closest(
          kind,
          all.map(({ name }) => name),
        )
      : undefined;
  const found = all.find(({ name }) => name === word);
  return found === undefined ? undefined : { apiVersion: apiVersionOf(found.group, found.name), kind: found.name };
}

function kindsOf(group: string): readonly string[] {
  return [
    ...kindNames()
      .filter((name) => kinds[name].group === group)
      .map((name) => kinds[name].kind),
    ...(kindsWithoutEffect[group] ?? []),
  ];
}

function apiVersionOf(group: string, kind: string): string {
  const name = kindNames().find((candidate) => kinds[candidate].kind === kind && kinds[candidate].group === group);
  const version = name === undefined ? undefined : kinds[name].versions[0];
  if (version === undefined) return group;
  return group === '' ? version : `${group}/${version}`;
}
