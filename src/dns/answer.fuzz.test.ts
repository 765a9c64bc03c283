// Whatever comes as a message: nothing is thrown, and what goes out can be read, is under the same number, and fits. The seed is printed with a failure.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { decode, encode } from 'dns-packet';
import fc from 'fast-check';
import { type AnswerContext, answer } from '#dns/answer.ts';
import { dnsClient } from '#dns/lookup.ts';
import { NameIndex } from '#dns/name-index.ts';
import type { Transport } from '#dns/response.ts';
import { NameTableSchema } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';

const seed = Number(process.env['HEDDLE_SEED'] ?? 20_260_601);
const ips = Array.from({ length: 200 }, (_, index) => `10.2.0.${index + 1}`);

const index = new NameIndex(
  create(NameTableSchema, {
    table: {
      'web.shop.svc.cluster.local': { registry: 'Kubernetes', shortname: 'web', namespace: 'shop', ips: ['10.1.0.1', 'fd00::1', 'nonsense'] },
      'db.shop.svc.cluster.local': {
        registry: 'Kubernetes',
        shortname: 'db',
        namespace: 'shop',
        ips,
        headless: true,
        ports: [{ name: 'p', number: 1 }],
      },
      'circle.shop.svc.cluster.local': { registry: 'Kubernetes', shortname: 'circle', namespace: 'shop', alias: 'circle.shop.svc.cluster.local' },
      '*.example.com': { registry: 'External', ips: ['192.0.2.1'] },
      '': { registry: 'External', ips: ['192.0.2.2'] },
    },
  }),
);

const words = [
  'web',
  'db',
  'shop',
  'svc',
  'cluster',
  'local',
  'example',
  'com',
  '_p',
  '_tcp',
  '10-2-0-1',
  'in-addr',
  'arpa',
  '1',
  '10',
  '*',
  'WEB',
  'circle',
];
const label = fc.oneof(fc.constantFrom(...words), fc.string({ minLength: 1, maxLength: 63 }));
const name = fc.oneof(
  fc.constantFrom('web.shop.svc.cluster.local', 'db', '_p._tcp.db', 'a.example.com.shop.svc.cluster.local', '1.0.2.10.in-addr.arpa', 'circle', '.'),
  fc.array(label, { maxLength: 8 }).map((labels) => labels.join('.').slice(0, 200)),
);
const type = fc.constantFrom('A', 'AAAA', 'SRV', 'PTR', 'ANY', 'CNAME', 'MX', 'TXT', 'NS', 'UNKNOWN_65');
const whole = fc.record({ name, type, udpSize: fc.option(fc.nat(65_535)), flags: fc.nat(0xffff) }).map(({ name: asked, type: as, udpSize, flags }) =>
  encode({
    type: 'query',
    id: 4711,
    flags,
    questions: [{ name: asked, type: as as 'A' }], // any type that there is
    additionals:
      udpSize === null
        ? []
        : [{ type: 'OPT', name: '.', udpPayloadSize: udpSize, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] }],
  }),
);
const change = fc.record({ at: fc.nat(120), byte: fc.nat(255) });
const damaged = fc
  .record({ bytes: whole, changes: fc.array(change, { maxLength: 6 }), cut: fc.option(fc.nat(60)), more: fc.uint8Array({ maxLength: 40 }) })
  .map(({ bytes, changes, cut, more }) => {
    const copy = Buffer.concat([cut === null ? bytes : bytes.subarray(0, bytes.length - Math.min(cut, bytes.length)), more]);
    for (const { at, byte } of changes) if (at < copy.length) copy[at] = byte;
    return copy;
  });
const message = fc.oneof(
  whole,
  damaged,
  fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
);

test('no message brings the server down, and each answer is one', () => {
  fc.assert(
    fc.property(message, fc.constantFrom<Transport>('udp', 'tcp'), fc.boolean(), (bytes, transport, isNode) => {
      const context: AnswerContext = {
        index,
        client: isNode ? { namespace: '', domain: '' } : dnsClient('shop', 'shop.svc.cluster.local'),
        transport,
        random: () => 0.5,
        ...(isNode && { ownDomain: 'cluster.local' }),
      };
      const given = answer(bytes, context);
      const sent =
        given.kind === 'respond' ? given.bytes : given.kind === 'forward' ? given.instead : given.kind === 'chase' ? given.with(0, []) : undefined;
      if (sent === undefined) return;
      assert.ok(sent.length <= (transport === 'udp' ? 4096 : 65_535));
      const answered = decode(sent);
      assert.equal(answered.id, bytes.readUInt16BE(0));
      assert.ok(answered.flag_qr);
      // Read to its end, so that no record was forgotten in the counts.
      assert.equal(decode.bytes, sent.length);
    }),
    { seed, numRuns: 20_000 },
  );
});
