// Envoy's filter chain matching: criteria one after the other (destination port, destination IP, server name, transport protocol,
// application protocols, source type and IPs, source port); at each the most specific value that fits the connection wins,
// and there is no way back to a less specific one when a later criterion fails (listener.v3.FilterChainMatch).
import { type IpAddress, type IpRange, inRange } from '#base/cidr.ts';
import type { ConnectionView } from '#decide/views.ts';

export type ChainMatch = {
  readonly destinationPort: number | undefined;
  readonly destinationRanges: readonly IpRange[];
  /** Lower case; `*.example.com` is kept as `.example.com`. */
  readonly serverNames: readonly string[];
  readonly transportProtocol: string;
  readonly applicationProtocols: readonly string[];
  readonly directSourceRanges: readonly IpRange[];
  readonly sourceType: 'any' | 'same-or-loopback' | 'external';
  readonly sourceRanges: readonly IpRange[];
  readonly sourcePorts: readonly number[];
};

/** A chain by its position among the listener's filter chains. */
export type IndexedMatch = { readonly position: number; readonly match: ChainMatch };

/** One criterion in words, and which of the chains left go on. */
type Criterion = { readonly name: string; readonly narrow: (chains: readonly IndexedMatch[], facts: Facts) => readonly IndexedMatch[] };

/** A connection with its addresses parsed; `direct` is who really connected, also where a PROXY header names somebody else. */
export type Facts = {
  readonly connection: ConnectionView;
  readonly destination: IpAddress | undefined;
  readonly source: IpAddress | undefined;
  readonly direct: IpAddress | undefined;
};

export type FilterChainIndex = readonly IndexedMatch[];

/** In Envoy's order. Each keeps the chains whose value is the most specific one that fits. */
export const criteria: readonly Criterion[] = [
  {
    name: 'destination port',
    narrow: (chains, { connection }) => byRank(chains, ({ destinationPort }) => exactRank(destinationPort, connection.destinationPort)),
  },
  {
    name: 'destination IP',
    narrow: (chains, { destination }) => byRank(chains, ({ destinationRanges }) => rangeRank(destinationRanges, destination)),
  },
  {
    name: 'server name',
    narrow: (chains, { connection }) => byRank(chains, ({ serverNames }) => serverNameRank(serverNames, connection.serverName ?? '')),
  },
  {
    name: 'transport protocol',
    narrow: (chains, { connection }) => byRank(chains, ({ transportProtocol }) => textRank(transportProtocol, connection.transportProtocol)),
  },
  { name: 'application protocols', narrow: narrowByApplicationProtocol },
  { name: 'direct source IP', narrow: (chains, { direct }) => byRank(chains, ({ directSourceRanges }) => rangeRank(directSourceRanges, direct)) },
  { name: 'source type', narrow: (chains, facts) => byRank(chains, ({ sourceType }) => sourceTypeRank(sourceType, facts)) },
  { name: 'source IP', narrow: (chains, { source }) => byRank(chains, ({ sourceRanges }) => rangeRank(sourceRanges, source)) },
  { name: 'source port', narrow: (chains, { connection }) => byRank(chains, ({ sourcePorts }) => portsRank(sourcePorts, connection.sourcePort)) },
];

/** -1: does not fit; higher: more specific. */
type Rank = number;

function byRank(chains: readonly IndexedMatch[], rank: (match: ChainMatch) => Rank): readonly IndexedMatch[] {
  let best = -1;
  for (const { match } of chains) best = Math.max(best, rank(match));
  return best === -1 ? [] : chains.filter(({ match }) => rank(match) === best);
}

function exactRank(wanted: number | undefined, found: number): Rank {
  if (wanted === undefined) return 0;
  return wanted === found ? 1 : -1;
}

function textRank(wanted: string, found: string): Rank {
  if (wanted === '') return 0;
  return wanted === found ? 1 : -1;
}

function portsRank(wanted: readonly number[], found: number): Rank {
  if (wanted.length === 0) return 0;
  return wanted.includes(found) ? 1 : -1;
}

/** Longest prefix; no range at all is as good as /0, which is how Envoy keeps it. */
function rangeRank(ranges: readonly IpRange[], ip: IpAddress | undefined): Rank {
  if (ranges.length === 0) return 0;
  let best = -1;
  if (ip !== undefined) for (const range of ranges) if (inRange(ip, range)) best = Math.max(best, range.length);
  return best;
}

/** Exact before the longest wildcard before none; a wildcard `*.example.com` fits a.b.example.com, not example.com. */
function serverNameRank(names: readonly string[], found: string): Rank {
  if (names.length === 0) return 0;
  let best = -1;
  for (const name of names) {
    if (name === found) return Number.MAX_SAFE_INTEGER;
    if (name.startsWith('.') && found.endsWith(name)) best = Math.max(best, name.length);
  }
  return best;
}

/** The client's protocols in its order of preference: the first that any chain names decides. */
function narrowByApplicationProtocol(chains: readonly IndexedMatch[], { connection }: Facts): readonly IndexedMatch[] {
  for (const protocol of connection.applicationProtocols) {
    const fitting = chains.filter(({ match }) => match.applicationProtocols.includes(protocol));
    if (fitting.length > 0) return fitting;
  }
  return chains.filter(({ match }) => match.applicationProtocols.length === 0);
}

function sourceTypeRank(type: ChainMatch['sourceType'], { source, destination }: Facts): Rank {
  if (type === 'any') return 0;
  const local = source !== undefined && (isLoopback(source) || (destination !== undefined && sameAddress(source, destination)));
  return local === (type === 'same-or-loopback') ? 1 : -1;
}

/** 127.0.0.1 and ::1 alone: the rest of 127.0.0.0/8 is external to Envoy (Network::Utility::isLoopbackAddress). */
function isLoopback({ words: [a, b, c, d], family }: IpAddress): boolean {
  return family === 4 ? a === 0x7f000001 : a === 0 && b === 0 && c === 0 && d === 1;
}

function sameAddress(a: IpAddress, b: IpAddress): boolean {
  return a.family === b.family && a.words.every((word, index) => word === b.words[index]);
}

/** What a match names, criterion by criterion: made once per chain, so that many chains can be compared. */
export type MatchValues = readonly (readonly string[])[];

export function matchValues(match: ChainMatch): MatchValues {
  return valueLists.map((list) => list(match));
}

/**
 * A combination of values that both matches name, in words, or undefined: Envoy refuses a listener whose chains overlap. A list stands
 * for each of its values, and no list for "none given", which is not the same as any value.
 */
export function sharedMatch(a: MatchValues, b: MatchValues): string | undefined {
  const shared: string[] = [];
  for (const [index, ofA] of a.entries()) {
    const ofB = b[index] ?? [];
    const common = ofA.length === 0 && ofB.length === 0 ? '' : ofA.find((value) => ofB.includes(value));
    if (common === undefined) return undefined;
    if (common !== '') shared.push(common);
  }
  return shared.length === 0 ? 'any connection' : shared.join(' and ');
}

const rangeText = ({ family, words, length }: IpRange) =>
  `${family === 4 ? 'IPv4' : 'IPv6'} ${words.map((word) => word.toString(16)).join(':')}/${length}`;

const valueLists: readonly ((match: ChainMatch) => readonly string[])[] = [
  ({ destinationPort }) => (destinationPort === undefined ? [] : [`port ${destinationPort}`]),
  ({ destinationRanges }) => destinationRanges.map((range) => `destination ${rangeText(range)}`),
  ({ serverNames }) => serverNames.map((name) => `server name ${name}`),
  ({ transportProtocol }) => (transportProtocol === '' ? [] : [`transport protocol ${transportProtocol}`]),
  ({ applicationProtocols }) => applicationProtocols.map((name) => `application protocol ${name}`),
  ({ directSourceRanges }) => directSourceRanges.map((range) => `direct source ${rangeText(range)}`),
  ({ sourceType }) => (sourceType === 'any' ? [] : [`source ${sourceType}`]),
  ({ sourceRanges }) => sourceRanges.map((range) => `source ${rangeText(range)}`),
  ({ sourcePorts }) => sourcePorts.map((port) => `source port ${port}`),
];

/** The match in words, part by part. */
export function matchText(match: ChainMatch): string {
  const parts: string[] = [];
  const list = (name: string, values: readonly (string | number)[]) => {
    if (values.length > 0) parts.push(`${name} ${values.join(' or ')}`);
  };
  list('port', match.destinationPort === undefined ? [] : [match.destinationPort]);
  list(
    'destination',
    match.destinationRanges.map(({ text }) => text),
  );
  list(
    'server name',
    match.serverNames.map((name) => (name.startsWith('.') ? `*${name}` : name)),
  );
  list('transport protocol', match.transportProtocol === '' ? [] : [match.transportProtocol]);
  list('application protocol', match.applicationProtocols);
  list(
    'direct source',
    match.directSourceRanges.map(({ text }) => text),
  );
  list('source', match.sourceType === 'any' ? [] : [match.sourceType === 'external' ? 'external' : 'this host']);
  list(
    'source',
    match.sourceRanges.map(({ text }) => text),
  );
  list('source port', match.sourcePorts);
  return parts.length === 0 ? 'any connection' : parts.join(' and ');
}
