// Policies in, the first of them by name that matches a subject out, after a few lookups instead of one test for each policy. Each policy stands
// under the key that it shares with the fewest others; what is found under a subject's keys is tested in full, so keys never decide.
import { type IpAddress, type IpRange, inRange } from '#base/cidr.ts';
import type { AddressRespect, KeysOf, RuleKeys, TextPattern, TextRespect } from '#decide/rbac-keys.ts';
import type { RbacSubject } from '#decide/rbac-subject.ts';

type Indexed = { readonly keys: RuleKeys; readonly matches: (subject: RbacSubject) => boolean };

/** Positions of policies, ascending. */
type Positions = readonly number[];

/** Below this many, testing one after the other is as quick. */
const worthAnIndex = 5;

export class PolicyIndex<Policy extends Indexed> {
  readonly #policies: readonly Policy[];
  readonly #unkeyed: Positions;
  readonly #texts: readonly TextLookup[];
  readonly #addresses: readonly AddressLookup[];

  /** `policies` in the order in which the first one counts. */
  constructor(policies: readonly Policy[]) {
    this.#policies = policies;
    const texts = new Map<string, TextLookup>();
    const addresses = new Map<string, AddressLookup>();
    const unkeyed: number[] = [];
    const shared = policies.length < worthAnIndex ? undefined : countKeys(policies);
    for (const [position, { keys }] of policies.entries()) {
      if (keys.never) continue;
      const best = shared === undefined ? undefined : rarest(keys, shared);
      if (best === undefined) unkeyed.push(position);
      else if ('patterns' in best) lookupOf(texts, best.respect, () => new TextLookup(best.respect)).add(best.patterns, position);
      else lookupOf(addresses, best.respect, () => new AddressLookup(best.respect)).add(best.ranges, position);
    }
    this.#unkeyed = unkeyed;
    this.#texts = [...texts.values()];
    this.#addresses = [...addresses.values()];
  }

  first(subject: RbacSubject): Policy | undefined {
    let best = this.#policies.length;
    const test = (positions: Positions | undefined): void => {
      if (positions === undefined) return;
      for (const position of positions) {
        if (position >= best) return;
        if (this.#policies[position]?.matches(subject) === true) {
          best = position;
          return;
        }
      }
    };
    for (const lookup of this.#texts) lookup.visit(subject, test);
    for (const lookup of this.#addresses) lookup.visit(subject, test);
    test(this.#unkeyed);
    return this.#policies[best];
  }
}

type Visit = (positions: Positions | undefined) => void;

class TextLookup {
  readonly #read: TextRespect['read'];
  readonly #exact = new Map<string, number[]>();
  readonly #prefixes = new Lengths();
  readonly #suffixes = new Lengths();

  constructor({ read }: TextRespect) {
    this.#read = read;
  }

  add(patterns: readonly TextPattern[], position: number): void {
    for (const { kind, text } of patterns) {
      if (kind === 'exact') addTo(this.#exact, text, position);
      else (kind === 'prefix' ? this.#prefixes : this.#suffixes).add(text, position);
    }
  }

  visit(subject: RbacSubject, visit: Visit): void {
    const found = this.#read(subject);
    if (typeof found === 'string') this.#visitText(found, visit);
    else if (found !== undefined) for (const text of found) this.#visitText(text, visit);
  }

  #visitText(text: string, visit: Visit): void {
    visit(this.#exact.get(text));
    for (const { length, positions } of this.#prefixes.list) if (length <= text.length) visit(positions.get(text.slice(0, length)));
    for (const { length, positions } of this.#suffixes.list) if (length <= text.length) visit(positions.get(text.slice(text.length - length)));
  }
}

/** Patterns by their length: one lookup for each length that there is. */
class Lengths {
  readonly list: { readonly length: number; readonly positions: Map<string, number[]> }[] = [];

  add(text: string, position: number): void {
    let level = this.list.find(({ length }) => length === text.length);
    if (level === undefined) this.list.push((level = { length: text.length, positions: new Map() }));
    addTo(level.positions, text, position);
  }
}

class AddressLookup {
  readonly #read: AddressRespect['read'];
  /** Ranges of one length and family; of an address its masked words are the key. */
  readonly #levels: { readonly range: IpRange; readonly positions: Map<string, number[]> }[] = [];

  constructor({ read }: AddressRespect) {
    this.#read = read;
  }

  add(ranges: readonly IpRange[], position: number): void {
    for (const range of ranges) {
      let level = this.#levels.find((known) => known.range.length === range.length && known.range.family === range.family);
      if (level === undefined) this.#levels.push((level = { range, positions: new Map() }));
      addTo(level.positions, maskedKey(range, range), position);
    }
  }

  visit(subject: RbacSubject, visit: Visit): void {
    const address = this.#read(subject);
    if (address === undefined) return;
    for (const { range, positions } of this.#levels) {
      if (range.family !== address.family) continue;
      if (positions.size > 1) visit(positions.get(maskedKey(address, range)));
      else if (inRange(address, range)) visit(positions.get(maskedKey(address, range)));
    }
  }
}

function maskedKey({ words }: Pick<IpAddress, 'words'>, { masks }: IpRange): string {
  return words.map((word, index) => (word & (masks[index] ?? 0)) >>> 0).join(':');
}

function addTo(map: Map<string, number[]>, key: string, position: number): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [position]);
  else if (known.at(-1) !== position) known.push(position);
}

function lookupOf<Lookup>(lookups: Map<string, Lookup>, { id }: { readonly id: string }, make: () => Lookup): Lookup {
  let lookup = lookups.get(id);
  if (lookup === undefined) lookups.set(id, (lookup = make()));
  return lookup;
}

/** How many policies have each key, by respect and pattern. */
function countKeys(policies: readonly Indexed[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { keys } of policies) {
    for (const of of keys.byRespect.values()) for (const name of namesOf(of)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

function namesOf(keys: KeysOf): readonly string[] {
  const { id } = keys.respect;
  return 'patterns' in keys ? keys.patterns.map(({ kind, text }) => `${id} ${kind} ${text}`) : keys.ranges.map((range) => `${id} ${range.text}`);
}

function rarest(keys: RuleKeys, counts: ReadonlyMap<string, number>): KeysOf | undefined {
  let best: KeysOf | undefined;
  let least = Infinity;
  for (const of of keys.byRespect.values()) {
    const sum = namesOf(of).reduce((total, name) => total + (counts.get(name) ?? 0), 0);
    if (sum >= least) continue;
    best = of;
    least = sum;
  }
  return best;
}
