// Which requests a delegate's rule is for: those that one of its matches and one of the root rule's matches both allow. Source: Istio,
// mergeHTTPMatchRequests and hasConflict.
import type { StringMatch } from '#model/string-match.ts';
import type { ClaimMatch, HttpMatch, NamedMatch } from '#model/virtual-service.ts';

/** Every match of the delegate with every match of the root that it narrows; undefined where one of them narrows none. */
export function mergeMatches(root: readonly HttpMatch[], delegate: readonly HttpMatch[]): readonly HttpMatch[] | undefined {
  if (root.length === 0) return delegate;
  if (delegate.length === 0) return root;
  const merged = delegate.map((leaf) => root.filter((one) => !conflict(one, leaf)).map((one) => mergeMatch(one, leaf)));
  return merged.some((ofLeaf) => ofLeaf.length === 0) ? undefined : merged.flat();
}

/** What the delegate says counts; the root's word holds where it says nothing. Conditions by name are joined. */
function mergeMatch(root: HttpMatch, leaf: HttpMatch): HttpMatch {
  const claims = joinClaims(root.claims ?? [], leaf.claims ?? []);
  const { claims: _rootClaims, ...rootRest } = root;
  const { claims: _leafClaims, ...leafRest } = leaf;
  return {
    ...rootRest,
    ...leafRest,
    name: joinNames(root.name, leaf.name),
    headers: joinNamed(root.headers, leaf.headers),
    withoutHeaders: joinNamed(root.withoutHeaders, leaf.withoutHeaders),
    queryParameters: joinNamed(root.queryParameters, leaf.queryParameters),
    ...(claims.length > 0 && { claims }),
    ...((root.sourceLabels ?? leaf.sourceLabels) !== undefined && { sourceLabels: { ...root.sourceLabels, ...leaf.sourceLabels } }),
    origin: leaf.origin,
  };
}

export function joinNames(root: string, delegate: string): string {
  if (delegate === '') return root;
  return root === '' ? delegate : `${root}-${delegate}`;
}

function joinNamed(root: readonly NamedMatch[], leaf: readonly NamedMatch[]): readonly NamedMatch[] {
  const byName = new Map([...root, ...leaf].map((one) => [one.name, one]));
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function joinClaims(root: readonly ClaimMatch[], leaf: readonly ClaimMatch[]): readonly ClaimMatch[] {
  return [...new Map([...root, ...leaf].map((one) => [`${one.isExcluded} ${one.name}`, one])).values()];
}

function claimsConflict(root: readonly ClaimMatch[] = [], leaf: readonly ClaimMatch[] = []): boolean {
  return [true, false].some((excluded) =>
    namedConflict(
      root.filter(({ isExcluded }) => isExcluded === excluded),
      leaf.filter(({ isExcluded }) => isExcluded === excluded),
    ),
  );
}

/** Whether the leaf asks for what the root does not allow. */
function conflict(root: HttpMatch, leaf: HttpMatch): boolean {
  return (
    stringConflict(root.uri, leaf.uri) ||
    stringConflict(root.scheme, leaf.scheme) ||
    stringConflict(root.method, leaf.method) ||
    stringConflict(root.authority, leaf.authority) ||
    namedConflict(root.headers, leaf.headers) ||
    namedConflict(root.withoutHeaders, leaf.withoutHeaders) ||
    namedConflict(root.queryParameters, leaf.queryParameters) ||
    claimsConflict(root.claims, leaf.claims) ||
    ignoresCase(root.uri) !== ignoresCase(leaf.uri) ||
    (root.port !== undefined && leaf.port !== undefined && root.port !== leaf.port) ||
    (root.sourceNamespace !== undefined && root.sourceNamespace !== leaf.sourceNamespace) ||
    labelsConflict(root.sourceLabels ?? {}, leaf.sourceLabels ?? {}) ||
    gatewaysConflict(root.gateways, leaf.gateways)
  );
}

function namedConflict(root: readonly NamedMatch[], leaf: readonly NamedMatch[]): boolean {
  return leaf.some(({ name, match }) => stringConflict(root.find((one) => one.name === name)?.match, match));
}

/** An expression can be compared with nothing; an exact word allows itself, a prefix whatever begins with it. */
function stringConflict(root: StringMatch | undefined, leaf: StringMatch | undefined): boolean {
  if (root === undefined || leaf === undefined) return false;
  if (leaf.kind === 'regex' || leaf.kind === 'present') return true;
  if (root.kind === 'exact') return leaf.kind !== 'exact' || leaf.value !== root.value;
  return root.kind !== 'prefix' || !leaf.value.startsWith(root.value);
}

function ignoresCase(match: StringMatch | undefined): boolean {
  return (match?.kind === 'exact' || match?.kind === 'prefix') && match.ignoreCase === true;
}

function labelsConflict(root: Readonly<Record<string, string>>, leaf: Readonly<Record<string, string>>): boolean {
  return Object.entries(leaf).some(([name, value]) => root[name] !== undefined && root[name] !== value);
}

function gatewaysConflict(root: readonly string[] | undefined, leaf: readonly string[] | undefined): boolean {
  return root !== undefined && leaf !== undefined && leaf.some((gateway) => !root.includes(gateway));
}
