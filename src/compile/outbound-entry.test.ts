import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OutboundChain } from '#compile/outbound-chain.ts';
import { addToEntries, type ListenerKind, type OutboundEntries } from '#compile/outbound-entry.ts';
import { toCluster } from '#compile/tcp-proxy.ts';

const origin = { file: 'in.yaml', line: 1, col: 1 };

type Match = { readonly names?: readonly string[]; readonly prefixes?: readonly string[] };

function bytes(cluster: string, { names = [], prefixes = [] }: Match = {}): OutboundChain {
  return { serverNames: names, prefixes, sniffedHttp: false, content: { kind: 'bytes', target: toCluster(cluster) }, origin };
}

/** Bytes stand in for the content of an HTTP chain: what it holds does not matter here. */
function http(cluster: string, sniffedHttp: boolean): OutboundChain {
  return { ...bytes(cluster), sniffedHttp };
}

/** `wildcard`: the listener is for any address, so that HTTP is sniffed there. */
function add(entries: OutboundEntries, asked: ListenerKind, name: string, chains: readonly OutboundChain[] = [bytes(name)], wildcard = true): void {
  addToEntries(entries, 'any 80', {
    bind: '0.0.0.0',
    alsoBound: [],
    port: { number: 80, protocol: 'tcp', origin },
    opensPort: false,
    asked,
    becomes: asked === 'http' && wildcard ? 'sniffed' : asked,
    bytes: () => chains,
    http: () => [http(`${name} http`, asked === 'sniffed' || wildcard)],
  });
}

function chainsOf(entries: OutboundEntries): readonly string[] {
  return (entries.get('any 80')?.chains ?? []).map(({ serverNames, prefixes, content }) =>
    [content.kind === 'bytes' ? content.target.statPrefix : '', ...serverNames, ...prefixes].join(' '),
  );
}

const cases: readonly {
  readonly title: string;
  readonly asked: readonly ListenerKind[];
  readonly chains: readonly string[];
  readonly kind: ListenerKind;
}[] = [
  { title: 'HTTP after HTTP shares its routes', asked: ['http', 'http'], chains: ['0 http'], kind: 'sniffed' },
  { title: 'bytes after HTTP are told apart', asked: ['http', 'bytes'], chains: ['0 http', '1'], kind: 'sniffed' },
  { title: 'HTTP after bytes is told apart', asked: ['bytes', 'http'], chains: ['0', '1 http'], kind: 'sniffed' },
  { title: 'bytes after bytes: the first has them', asked: ['bytes', 'bytes'], chains: ['0'], kind: 'bytes' },
  { title: 'sniffed after bytes: the first keeps the bytes', asked: ['bytes', 'sniffed'], chains: ['0', '1 http'], kind: 'sniffed' },
  { title: 'sniffed after HTTP on any address', asked: ['http', 'sniffed'], chains: ['0 http', '1'], kind: 'sniffed' },
  { title: 'bytes after sniffed: the first keeps the bytes', asked: ['sniffed', 'bytes'], chains: ['0', '0 http'], kind: 'sniffed' },
  { title: 'sniffed after sniffed: the first has both', asked: ['sniffed', 'sniffed'], chains: ['0', '0 http'], kind: 'sniffed' },
];

for (const { title, asked, chains, kind } of cases) {
  test(`one listener for several services: ${title}`, () => {
    const entries: OutboundEntries = new Map();
    for (const [index, each] of asked.entries()) add(entries, each, String(index));
    assert.deepEqual(chainsOf(entries), chains);
    assert.equal(entries.get('any 80')?.kind, kind);
  });
}

test('a sniffed port takes the place of HTTP that is bound to one address', () => {
  const entries: OutboundEntries = new Map();
  add(entries, 'http', '0', [], false);
  add(entries, 'sniffed', '1');
  assert.deepEqual(chainsOf(entries), ['1', '1 http']);
});

test('nothing is added to a listener that a Sidecar has made', () => {
  const entries: OutboundEntries = new Map();
  add(entries, 'bytes', '0');
  for (const entry of entries.values()) entry.locked = true;
  add(entries, 'bytes', '1', [bytes('1', { prefixes: ['10.0.0.0/8'] })]);
  assert.deepEqual(chainsOf(entries), ['0']);
});

test('chains are told apart by names and networks, whatever their unused bits', () => {
  const entries: OutboundEntries = new Map();
  add(entries, 'bytes', '0', [bytes('0', { prefixes: ['10.1.2.3/8'] })]);
  add(entries, 'bytes', '1', [bytes('1', { prefixes: ['10.9.9.9/8'] })]);
  add(entries, 'bytes', '2', [bytes('2', { prefixes: ['10.0.0.0/16'] })]);
  add(entries, 'bytes', '3', [bytes('3', { prefixes: ['10.0.0.0/8'], names: ['a.example'] })]);
  assert.deepEqual(chainsOf(entries), ['0 10.1.2.3/8', '2 10.0.0.0/16', '3 a.example 10.0.0.0/8']);
});

test('a chain keeps what no earlier one has, as Envoy refuses two chains for one thing', () => {
  const entries: OutboundEntries = new Map();
  add(entries, 'bytes', '0', [bytes('0', { names: ['a.example', 'b.example'] })]);
  add(entries, 'bytes', '1', [bytes('1', { names: ['b.example', 'c.example'] })]);
  add(entries, 'bytes', '2', [bytes('2', { prefixes: ['10.0.0.0/8', '11.0.0.0/8'] })]);
  add(entries, 'bytes', '3', [bytes('3', { prefixes: ['11.0.0.0/8', '12.0.0.0/8'] })]);
  assert.deepEqual(chainsOf(entries), ['0 a.example b.example', '1 c.example', '2 10.0.0.0/8 11.0.0.0/8', '3 12.0.0.0/8']);
});
