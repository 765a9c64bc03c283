// In: what single services want of a listener. Out: listeners with all their chains: HTTP, TCP and sniffed ports on one address and port are
// joined where connections can be told apart, and the older service keeps what cannot. Source: Istio, buildSidecarOutboundListener and
// mergeTCPFilterChains.
import { assertNever } from '#base/assert-never.ts';
import { parseCidr } from '#base/cidr.ts';
import type { OutboundChain } from '#compile/outbound-chain.ts';
import type { ServicePort } from '#model/service.ts';

/** What kind of listener a port asks for: HTTP by routes, bytes, or either as is found out. */
export type ListenerKind = 'http' | 'bytes' | 'sniffed';

export type OutboundEntry = {
  readonly bind: string;
  /** Further addresses, of the other IP family. */
  readonly alsoBound: readonly string[];
  readonly port: Pick<ServicePort, 'number' | 'protocol' | 'origin'>;
  readonly opensPort: boolean;
  kind: ListenerKind;
  /** A Sidecar's listener of its own: services of the listener for all other ports are not added to it. */
  locked: boolean;
  readonly chains: OutboundChain[];
  /** What the chains match already, so that one more service costs what it brings and not what is there. */
  readonly taken: Set<string>;
};

export type OutboundEntries = Map<string, OutboundEntry>;

/** What a service wants; its chains are made only where they are used. */
export type Wanted = Pick<OutboundEntry, 'bind' | 'alsoBound' | 'port' | 'opensPort'> & {
  readonly asked: ListenerKind;
  /** The listener's kind once it is there: HTTP on a wildcard is sniffed, so that other bytes can pass. */
  readonly becomes: ListenerKind;
  readonly bytes: () => readonly OutboundChain[];
  readonly http: () => readonly OutboundChain[];
};

export function addToEntries(entries: OutboundEntries, key: string, wanted: Wanted): void {
  const known = entries.get(key);
  if (known === undefined) {
    entries.set(key, newEntry(wanted));
    return;
  }
  if (known.locked) return;
  switch (wanted.asked) {
    case 'http':
      // Services of one HTTP port share its listener: routes tell them apart.
      if (known.kind !== 'bytes') return;
      addChains(known, wanted.http());
      known.kind = 'sniffed';
      return;
    case 'bytes':
      addChains(known, wanted.bytes());
      if (known.kind === 'http') known.kind = 'sniffed';
      return;
    case 'sniffed':
      if (known.kind === 'http') {
        entries.set(key, newEntry(wanted));
        return;
      }
      addChains(known, known.kind === 'bytes' ? [...wanted.bytes(), ...wanted.http()] : wanted.bytes());
      known.kind = 'sniffed';
      return;
    default:
      assertNever(wanted.asked, 'listener kind');
  }
}

function newEntry({ bind, alsoBound, port, opensPort, asked, becomes, bytes, http }: Wanted): OutboundEntry {
  const chains = [...(asked === 'http' ? [] : bytes()), ...(asked === 'bytes' ? [] : http())];
  const entry: OutboundEntry = { bind, alsoBound, port, opensPort, kind: becomes, locked: false, chains: [], taken: new Set() };
  addChains(entry, chains);
  return entry;
}

/**
 * A chain keeps of its names and addresses what no earlier chain has, and is left out where that is nothing: Envoy refuses two chains for
 * one thing. (Istio leaves out only chains that say all the same, and Envoy then refuses the listener.)
 */
function addChains({ chains, taken }: Pick<OutboundEntry, 'chains' | 'taken'>, more: readonly OutboundChain[]): void {
  for (const chain of more) {
    const asked = conditions(chain);
    const isFree = !asked.some((condition) => taken.has(condition));
    const rest = isFree ? chain : withoutTaken(chain, taken);
    if (rest === undefined) continue;
    for (const condition of isFree ? asked : conditions(rest)) taken.add(condition);
    chains.push(rest);
  }
}

/** The chains of a listener that is one port's own, as Envoy takes them together. */
export function distinctChains(chains: readonly OutboundChain[]): readonly OutboundChain[] {
  const distinct: OutboundChain[] = [];
  addChains({ chains: distinct, taken: new Set() }, chains);
  return distinct;
}

function withoutTaken(chain: OutboundChain, taken: ReadonlySet<string>): OutboundChain | undefined {
  // Nothing is left of what is for everything.
  if (chain.prefixes.length === 0 && chain.serverNames.length === 0) return undefined;
  const isFree = (part: Pick<OutboundChain, 'serverNames' | 'prefixes'>): boolean =>
    !conditions({ ...part, sniffedHttp: chain.sniffedHttp }).some((condition) => taken.has(condition));
  const prefixes = chain.prefixes.filter((prefix) => isFree({ serverNames: chain.serverNames, prefixes: [prefix] }));
  if (prefixes.length > 0) return { ...chain, prefixes };
  const serverNames = chain.serverNames.filter((name) => isFree({ serverNames: [name], prefixes: chain.prefixes }));
  return serverNames.length > 0 ? { ...chain, serverNames } : undefined;
}

/** Each name with each network. `1.2.3.4/8` and `1.5.6.7/8` are one network; the name `*` and the address `0.0.0.0` stand for any. */
function conditions({ serverNames, prefixes, sniffedHttp }: Pick<OutboundChain, 'serverNames' | 'prefixes' | 'sniffedHttp'>): readonly string[] {
  const names = serverNames.length === 0 || serverNames.includes('*') ? ['*'] : serverNames;
  const networks = prefixes.flatMap((prefix) => networkOf(prefix) ?? []);
  if (names.length === 1 && networks.length === 0) return [`${sniffedHttp} ${names[0] ?? '*'} *`];
  return names.flatMap((name) => (networks.length === 0 ? ['*'] : networks).map((network) => `${sniffedHttp} ${name} ${network}`));
}

/** The network as text that is the same for all ways to write it; undefined for the address that stands for any. */
export function networkOf(prefix: string): string | undefined {
  const range = prefix.startsWith('0.0.0.0') ? undefined : parseCidr(prefix);
  return range === undefined ? undefined : `${range.words.join('.')}/${range.length}`;
}
