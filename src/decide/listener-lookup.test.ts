import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { extensions } from '#decide/extension.ts';
import type { ListenerEntry } from '#decide/listener-entry.ts';
import { handedTo } from '#decide/listener-lookup.ts';
import { compileListener } from '#decide/listener-table.ts';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';

function listener(name: string, address: string, port: number, fields: Readonly<Record<string, JsonValue>> = {}): ListenerEntry {
  const json = { name, address: { socket_address: { address, port_value: port } }, filter_chains: [{ filters: [] }], ...fields };
  const compiled = compileListener(fromJson(ListenerSchema, json, { registry: extensions }));
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
  return compiled.value;
}

const unbound = { bind_to_port: false };
const accepting = listener('accepting', '0.0.0.0', 15_001, { use_original_dst: true });
const others = [
  listener('any six', '::', 80, unbound),
  listener('any', '0.0.0.0', 80, unbound),
  listener('exact', '10.0.0.1', 80, unbound),
  listener('bound', '10.0.0.2', 8080),
];
const all = [accepting, ...others];
const handed = (address: string, port: number, from = accepting): string | undefined => handedTo(from, all, address, port)?.name;

test('a connection is handed to the listener of its address, else to that of any address of its family', () => {
  assert.equal(handed('10.0.0.1', 80), 'exact');
  assert.equal(handed('10.0.0.9', 80), 'any');
  assert.equal(handed('fd00::1', 80), 'any six');
  assert.equal(handed('10.0.0.2', 8080), 'bound', 'whether or not it is bound');
});

test('without such a listener, or to itself, it stays', () => {
  assert.equal(handed('10.0.0.1', 81), undefined);
  assert.equal(handed('10.0.0.9', 15_001), undefined);
  assert.equal(handed('10.0.0.1', 80, listener('inbound', '0.0.0.0', 15_006)), undefined, 'only where use_original_dst says so');
});

const also = (address: string, port: number): JsonValue => ({ address: { socket_address: { address, port_value: port } } });

test('a listener is at its further addresses, too', () => {
  const dual = listener('dual', '0.0.0.0', 90, { ...unbound, additional_addresses: [also('::', 90)] });
  const service = listener('service', '10.0.0.3', 90, { ...unbound, additional_addresses: [also('fd00::3', 90)] });
  const names = ['10.0.0.9', 'fd00::9', '10.0.0.3', 'fd00::3'].map((address) => handedTo(accepting, [...all, dual, service], address, 90)?.name);
  assert.deepEqual(names, ['dual', 'dual', 'service', 'service']);
  assert.throws(() => listener('elsewhere', '0.0.0.0', 90, { additional_addresses: [also('::', 91)] }), /additional_addresses\[0\]\.address/);
});
