import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { decode, encode, type Packet } from 'dns-packet';
import { type AnswerContext, answer } from '#dns/answer.ts';
import { dnsClient } from '#dns/lookup.ts';
import { NameIndex } from '#dns/name-index.ts';
import type { Transport } from '#dns/response.ts';
import { type NameTable_NameInfoSchema, NameTableSchema } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';

type Info = MessageInitShape<typeof NameTable_NameInfoSchema>;

const http = { name: 'http', number: 80 };
const sql = { name: 'tcp-sql', number: 15432 };

function kubernetes(shortname: string, namespace: string, ips: string[], more: Partial<Info> = {}): Info {
  return { registry: 'Kubernetes', shortname, namespace, ips, ...more } as Info; // the parts of one message
}

const many = Array.from({ length: 60 }, (_, index) => `10.2.0.${index + 1}`);

const index = new NameIndex(
  create(NameTableSchema, {
    table: {
      'web.shop.svc.cluster.local': kubernetes('web', 'shop', ['10.1.0.1'], { ports: [http, { name: 'dns', number: 53, udp: true }] }),
      'dual.shop.svc.cluster.local': kubernetes('dual', 'shop', ['10.1.0.2', 'fd00::2']),
      'db.data.svc.cluster.local': kubernetes('db', 'data', ['10.2.0.1', '10.2.0.2', '10.2.0.3'], { headless: true, ports: [sql] }),
      'db-0.db.data.svc.cluster.local': kubernetes('db-0.db', 'data', ['10.2.0.1'], { ports: [sql] }),
      'db-1.db.data.svc.cluster.local': kubernetes('db-1.db', 'data', ['10.2.0.2'], { ports: [sql] }),
      'many.data.svc.cluster.local': kubernetes('many', 'data', many, { headless: true }),
      'far.shop.svc.cluster.remote': kubernetes('far', 'shop', ['10.9.0.1'], { altHosts: ['far.example.org'] }),
      'outside.shop.svc.cluster.local': { registry: 'Kubernetes', shortname: 'outside', namespace: 'shop', alias: 'www.example.org' },
      'inside.shop.svc.cluster.local': { registry: 'Kubernetes', shortname: 'inside', namespace: 'shop', alias: 'web.shop.svc.cluster.local' },
      'too-long.shop.svc.cluster.local': { registry: 'Kubernetes', shortname: 'too-long', namespace: 'shop', alias: `${'a'.repeat(64)}.example.org` },
      [`${'b'.repeat(64)}.example.org`]: { registry: 'External', ips: ['198.2.3.4'] },
      'long.shop.svc.cluster.local': kubernetes('long', 'shop', ['10.2.9.1'], { headless: true, ports: [{ name: 'sql', number: 5432 }] }),
      [`${'c'.repeat(64)}.long.shop.svc.cluster.local`]: kubernetes(`${'c'.repeat(64)}.long`, 'shop', ['10.2.9.1'], {
        ports: [{ name: 'sql', number: 5432 }],
      }),
      'api.example.com': { registry: 'External', ips: ['240.240.1.1'] },
      '*.wild.example.com': { registry: 'External', ips: ['192.0.2.1'] },
      '*.b.wild.example.com': { registry: 'External', ips: ['192.0.2.2'] },
      'Dotted.example.com.': { registry: 'External', ips: ['192.0.2.3'] },
    },
  }),
);

const context: AnswerContext = { index, client: dnsClient('shop', 'shop.svc.cluster.local'), transport: 'udp', random: () => 0 };

function question(name: string, type: string, more: Partial<Packet> = {}): Buffer {
  return encode({ type: 'query', id: 7, flags: 0x0100, questions: [{ name, type: type as 'A' }], ...more }); // any type that there is
}

function reply(bytes: Buffer, more: Partial<AnswerContext> = {}) {
  const given = answer(bytes, { ...context, ...more });
  assert.equal(given.kind, 'respond');
  return decode(given.kind === 'respond' ? given.bytes : Buffer.alloc(0));
}

/** `name type data` of each record. */
function lines({ answers = [] }: Packet): readonly string[] {
  return answers.map((record) => {
    const data = 'data' in record ? record.data : '';
    const text = typeof data === 'object' && data !== null && 'target' in data ? `${data.weight} ${data.port} ${data.target}` : String(data);
    return `${record.name} ${record.type} ${text}`;
  });
}

function ask(name: string, type = 'A'): readonly string[] {
  return lines(reply(question(name, type)));
}

suite('names', () => {
  const table: readonly (readonly [what: string, name: string, type: string, ...answers: string[]])[] = [
    ['a Service by its whole name', 'web.shop.svc.cluster.local', 'A', 'web.shop.svc.cluster.local A 10.1.0.1'],
    ['with .svc', 'web.shop.svc', 'A', 'web.shop.svc A 10.1.0.1'],
    ['with its namespace', 'db-0.db.data', 'A', 'db-0.db.data A 10.2.0.1'],
    ['short, in its own namespace', 'web', 'A', 'web A 10.1.0.1'],
    ['its other family', 'dual.shop', 'AAAA', 'dual.shop AAAA fd00::2'],
    ['a family that it does not have: no data', 'web', 'AAAA'],
    ['a type that it does not have: no data', 'web', 'MX'],
    ['everything', 'dual', 'ANY', 'dual A 10.1.0.2', 'dual AAAA fd00::2'],
    ['the pods of a headless one', 'db.data', 'A', 'db.data A 10.2.0.1', 'db.data A 10.2.0.2', 'db.data A 10.2.0.3'],
    ['one of them', 'db-1.db.data.svc.cluster.local', 'A', 'db-1.db.data.svc.cluster.local A 10.2.0.2'],
    ['one without a name', '10-2-0-3.db.data.svc.cluster.local', 'A', '10-2-0-3.db.data.svc.cluster.local A 10.2.0.3'],
    ['by a further name of the table', 'far.example.org', 'A', 'far.example.org A 10.9.0.1'],
    ['of another domain, whole', 'far.shop.svc.cluster.remote', 'A', 'far.shop.svc.cluster.remote A 10.9.0.1'],
    ['a host outside', 'api.example.com', 'A', 'api.example.com A 240.240.1.1'],
    ['written with a dot and in capitals', 'dotted.example.com', 'A', 'dotted.example.com A 192.0.2.3'],
    ['a wildcard', 'a.wild.example.com', 'A', 'a.wild.example.com A 192.0.2.1'],
    ['a wildcard over several labels', 'x.y.wild.example.com', 'A', 'x.y.wild.example.com A 192.0.2.1'],
    ['the longer wildcard', 'a.b.wild.example.com', 'A', 'a.b.wild.example.com A 192.0.2.2'],
    [
      'the first search domain behind a host outside',
      'api.example.com.shop.svc.cluster.local',
      'A',
      'api.example.com.shop.svc.cluster.local CNAME api.example.com',
      'api.example.com A 240.240.1.1',
    ],
    [
      'the first search domain behind a short name',
      'web.shop.shop.svc.cluster.local',
      'A',
      'web.shop.shop.svc.cluster.local CNAME web.shop',
      'web.shop A 10.1.0.1',
    ],
    ['likewise where it has no such address', 'web.shop.shop.svc.cluster.local', 'AAAA'],
    [
      'the first search domain behind a wildcard',
      'a.wild.example.com.shop.svc.cluster.local',
      'A',
      'a.wild.example.com.shop.svc.cluster.local CNAME a.wild.example.com',
      'a.wild.example.com A 192.0.2.1',
    ],
    ['an ExternalName of a Service', 'inside', 'A', 'inside CNAME web.shop.svc.cluster.local', 'web.shop.svc.cluster.local A 10.1.0.1'],
    ['an ExternalName, asked for as such', 'outside', 'CNAME', 'outside CNAME www.example.org'],
    ['a port', '_http._tcp.web.shop.svc.cluster.local', 'SRV', '_http._tcp.web.shop.svc.cluster.local SRV 100 80 web.shop.svc.cluster.local'],
    ['a UDP port of a short name', '_dns._udp.web', 'SRV', '_dns._udp.web SRV 100 53 web.shop.svc.cluster.local'],
    [
      'a port of pods',
      '_tcp-sql._tcp.db.data.svc.cluster.local',
      'SRV',
      '_tcp-sql._tcp.db.data.svc.cluster.local SRV 33 15432 db-0.db.data.svc.cluster.local',
      '_tcp-sql._tcp.db.data.svc.cluster.local SRV 33 15432 db-1.db.data.svc.cluster.local',
      '_tcp-sql._tcp.db.data.svc.cluster.local SRV 33 15432 10-2-0-3.db.data.svc.cluster.local',
    ],
    ['all ports of a Service', 'web', 'SRV', 'web SRV 100 80 web.shop.svc.cluster.local', 'web SRV 100 53 web.shop.svc.cluster.local'],
    ['a Service without named ports: no data', 'dual', 'SRV'],
    [
      'all ports, with the first search domain behind',
      'db.data.shop.svc.cluster.local',
      'SRV',
      'db.data.shop.svc.cluster.local CNAME db.data',
      'db.data SRV 33 15432 db-0.db.data.svc.cluster.local',
      'db.data SRV 33 15432 db-1.db.data.svc.cluster.local',
      'db.data SRV 33 15432 10-2-0-3.db.data.svc.cluster.local',
    ],
    ['a port by another type: no data', '_http._tcp.web', 'A'],
    ['an address of a Service', '1.0.1.10.in-addr.arpa', 'PTR', '1.0.1.10.in-addr.arpa PTR web.shop.svc.cluster.local'],
    [
      'an address of a pod',
      '1.0.2.10.in-addr.arpa',
      'PTR',
      '1.0.2.10.in-addr.arpa PTR db-0.db.data.svc.cluster.local',
      '1.0.2.10.in-addr.arpa PTR 10-2-0-1.many.data.svc.cluster.local',
    ],
    [
      'an address of IPv6',
      '2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa',
      'PTR',
      '2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa PTR dual.shop.svc.cluster.local',
    ],
  ];
  for (const [what, name, type, ...answers] of table) {
    test(`${what}: ${name} ${type}`, () => {
      const { rcode, flag_aa, flag_ra, flag_rd, id } = reply(question(name, type)) as ReturnType<typeof decode> & { readonly rcode: string }; // it has one
      assert.deepEqual({ rcode, flag_aa, flag_ra, flag_rd, id }, { rcode: 'NOERROR', flag_aa: true, flag_ra: true, flag_rd: true, id: 7 });
      assert.deepEqual(ask(name, type), answers);
    });
  }

  for (const [what, name, type] of [
    ['a name that nobody here knows', 'www.example.net', 'A'],
    ['a short name of another namespace', 'db', 'A'],
    ['a short name of another domain', 'far', 'A'],
    ['the wildcard itself is not the domain', 'wild.example.com', 'A'],
    ['the search domain twice', 'web.shop.svc.cluster.local.shop.svc.cluster.local', 'A'],
    ['what only others know of a host outside', 'api.example.com', 'MX'],
    ['an address of nobody', '9.9.9.9.in-addr.arpa', 'PTR'],
    ['no address at all', 'x.in-addr.arpa', 'PTR'],
    ['the root', '.', 'NS'],
  ] as const) {
    test(`asked of others: ${what}: ${name} ${type}`, () => assert.equal(answer(question(name, type), context).kind, 'forward'));
  }

  test('a port that a Service does not have is no name', () => {
    assert.equal(codeOf(reply(question('_grpc._tcp.web.shop.svc.cluster.local', 'SRV'))), 'NXDOMAIN');
  });

  test('below a domain of its own a name that is not in the table is none', () => {
    const own = { ...context, ownDomain: 'cluster.local' };
    assert.equal(codeOf(reply(question('nobody.shop.svc.cluster.local', 'A'), own)), 'NXDOMAIN');
    assert.equal(answer(question('cluster.localhost', 'A'), own).kind, 'forward');
  });

  test('without anybody else to ask an unknown name is none, and says why', () => {
    const given = answer(question('www.example.net', 'A', withEdns(4096)), context);
    assert.ok(given.kind === 'forward');
    assert.equal(codeOf(decode(given.instead)), 'NXDOMAIN');
    assert.match(given.instead.toString('latin1'), /no name server outside is asked/);
  });

  test('a known host is never denied: with nobody to ask it has no data of the type', () => {
    const given = answer(question('api.example.com', 'MX'), context);
    assert.ok(given.kind === 'forward');
    assert.equal(codeOf(decode(given.instead)), 'NOERROR');
  });

  test('before the first table has come the answer is a failure of the server, not that there is no name', () => {
    assert.equal(codeOf(reply(question('web', 'A'), { index: undefined })), 'SERVFAIL');
  });
});

suite('messages', () => {
  test('the question comes back in the letters that it was asked in, and so does the name of the answer', () => {
    const { questions, answers } = reply(question('wEb.ShOp', 'A'));
    assert.deepEqual([questions?.[0]?.name, answers?.[0]?.name], ['wEb.ShOp', 'wEb.ShOp']);
  });

  test('each address comes first as often as others', () => {
    const first = (chance: number) => lines(reply(question('db.data', 'A'), { random: () => chance }))[0];
    assert.deepEqual([0, 0.4, 0.99].map(first), ['db.data A 10.2.0.1', 'db.data A 10.2.0.2', 'db.data A 10.2.0.3']);
  });

  for (const [transport, size, count, cut] of [
    ['udp', undefined, 30, true],
    ['udp', 512, 29, true],
    ['udp', 100, 29, true],
    ['udp', 1232, 60, false],
    ['udp', 65_535, 60, false],
    ['tcp', undefined, 60, false],
  ] as const) {
    test(`of 60 addresses ${count} are sent by ${transport} to who takes ${size ?? 'no size'}`, () => {
      const sent = reply(question('many.data', 'A', size === undefined ? {} : withEdns(size)), { transport: transport satisfies Transport });
      assert.deepEqual([sent.answers?.length, sent.flag_tc], [count, cut]);
      assert.equal(
        sent.additionals?.some(({ type }) => type === 'OPT'),
        size !== undefined,
      );
    });
  }

  test('the addresses of a port come along, unless there is no room for them', () => {
    const { additionals = [] } = reply(question('_tcp-sql._tcp.db.data.svc.cluster.local', 'SRV'));
    assert.deepEqual(
      additionals.map(({ name }) => name),
      ['db-0', 'db-1', '10-2-0-3'].map((pod) => `${pod}.db.data.svc.cluster.local`),
    );
  });

  const edns1 = question('web', 'A', withEdns(1232, 1));
  for (const [what, bytes, code] of [
    [
      'two questions',
      encode({
        type: 'query',
        questions: [
          { name: 'web', type: 'A' },
          { name: 'web', type: 'AAAA' },
        ],
      }),
      'FORMERR',
    ],
    ['no question', encode({ type: 'query' }), 'FORMERR'],
    ['a question that ends early', question('web', 'A').subarray(0, -3), 'FORMERR'],
    ['a name that points at itself', Buffer.concat([question('web', 'A').subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]), 'FORMERR'],
    [
      'a question with an answer',
      encode({ type: 'query', questions: [{ name: 'web', type: 'A' }], answers: [{ name: 'web', type: 'A', data: '1.2.3.4' }] }),
      'FORMERR',
    ],
    [
      'two OPT records',
      question('web', 'A', { additionals: [...(withEdns(512).additionals ?? []), ...(withEdns(512).additionals ?? [])] }),
      'FORMERR',
    ],
    ['CHAOS', encode({ type: 'query', questions: [{ name: 'version.bind', type: 'TXT', class: 'CH' }] }), 'REFUSED'],
    ['an update', encode({ type: 'query', flags: 5 << 11, questions: [{ name: 'web', type: 'A' }] }), 'NOTIMP'],
  ] as const) {
    test(`${what}: ${code}`, () => assert.equal(codeOf(reply(bytes)), code));
  }

  test('a version of EDNS that nobody knows: BADVERS', () => {
    const { additionals = [], ...sent } = reply(edns1);
    const [option] = additionals;
    assert.equal(codeOf(sent), 'NOERROR');
    assert.equal(option?.type === 'OPT' && option.extendedRcode, 1);
  });

  test('answers and scraps are not answered', () => {
    assert.equal(answer(encode({ type: 'response', questions: [{ name: 'web', type: 'A' }] }), context).kind, 'ignore');
    assert.equal(answer(Buffer.alloc(11), context).kind, 'ignore');
  });

  test('a label with a dot in it is not two labels', () => {
    const bytes = Buffer.concat([question('x', 'A').subarray(0, 12), Buffer.from([8]), Buffer.from('web.shop'), Buffer.from([0, 0, 1, 0, 1])]);
    assert.equal(answer(bytes, context).kind, 'forward');
  });

  test('a host that stands for one outside is looked up there, and the answer is of both', () => {
    const given = answer(question('outside', 'A'), context);
    assert.ok(given.kind === 'chase');
    assert.equal(given.target, 'www.example.org');
    assert.deepEqual(lines(decode(given.with(0, []))), ['outside CNAME www.example.org']);
  });

  test('a host that stands for what is too long for a name: a failure that says so', () => {
    for (const type of ['A', 'CNAME']) {
      const packet = reply(question('too-long', type));
      assert.equal(codeOf(packet), 'SERVFAIL');
      assert.deepEqual(lines(packet), []);
    }
  });

  test('a host whose label is too long is no name of an address, nor of a port', () => {
    assert.deepEqual(lines(reply(question('4.3.2.198.in-addr.arpa', 'PTR'))), []);
    assert.deepEqual(lines(reply(question('_sql._tcp.long', 'SRV'))), []);
  });
});

function withEdns(udpPayloadSize: number, ednsVersion = 0): Partial<Packet> {
  return { additionals: [{ type: 'OPT', name: '.', udpPayloadSize, extendedRcode: 0, ednsVersion, flags: 0, flag_do: false, options: [] }] };
}

function codeOf(packet: Packet): string {
  return (packet as { readonly rcode: string }).rcode; // the types leave it out
}
