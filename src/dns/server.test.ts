import assert from 'node:assert/strict';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, createServer, type Server } from 'node:net';
import { suite, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { decode, encode, type Packet, streamDecode, streamEncode } from 'dns-packet';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { type DnsOptions, type RunningDns, startDns } from '#dns/start-dns.ts';
import { startNodeDns } from '#dns/start-node-dns.ts';
import { TcpFrames } from '#dns/tcp-frame.ts';
import type { ServerAddress } from '#dns/upstream-answer.ts';
import { NameTableSchema } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';
import { Counters } from '#telemetry/counters.ts';

const host = '127.0.0.1';
const many = Array.from({ length: 60 }, (_, index) => `10.2.0.${index + 1}`);
const table = create(NameTableSchema, {
  table: {
    'web.shop.svc.cluster.local': { registry: 'Kubernetes', shortname: 'web', namespace: 'shop', ips: ['10.1.0.1'] },
    'many.shop.svc.cluster.local': { registry: 'Kubernetes', shortname: 'many', namespace: 'shop', ips: many, headless: true },
    'outside.shop.svc.cluster.local': { registry: 'Kubernetes', shortname: 'outside', namespace: 'shop', alias: 'www.example.org' },
    'api.example.com': { registry: 'External', ips: ['240.240.0.9'] },
  },
});

async function running(more: Partial<DnsOptions> = {}, counters = new Counters()): Promise<RunningDns & AsyncDisposable> {
  const started = await startDns({
    listen: { address: host, port: 0 },
    namespace: 'shop',
    dnsDomain: 'shop.svc.cluster.local',
    upstreams: [],
    counters,
    clock: systemClock,
    logger: silentLogger,
    random: () => 0,
    ...more,
  });
  assert.ok(started.ok);
  started.value.setTable(table);
  return { ...started.value, [Symbol.asyncDispose]: started.value.close };
}

/** One question by UDP; rejects where nobody listens. */
function askUdp({ address }: Pick<RunningDns, 'address'>, bytes: Buffer): Promise<ReturnType<typeof decode> & { readonly rcode: string }> {
  const socket = createSocket('udp4');
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    // The types leave rcode out.
    socket.once('message', (message) => resolve(decode(message) as ReturnType<typeof decode> & { readonly rcode: string }));
    socket.connect(address.port, address.address, () => socket.send(bytes));
  }).finally(() => socket.close()) as ReturnType<typeof askUdp>;
}

/** Bytes on one connection, in chunks; all messages that come back until the server ends. */
function askTcp({ address }: Pick<RunningDns, 'address'>, chunks: readonly Buffer[]): Promise<readonly Packet[]> {
  return new Promise((resolve, reject) => {
    const frames = new TcpFrames();
    const found: Packet[] = [];
    const socket = connect({ host: address.address, port: address.port, noDelay: true });
    socket.on('data', (chunk: Buffer) => found.push(...frames.read(chunk).map((message) => decode(message))));
    socket.on('error', reject);
    socket.on('close', () => resolve(found));
    for (const chunk of chunks) socket.write(chunk);
    socket.end();
  });
}

function question(name: string, id = 7): Packet {
  return { type: 'query', id, flags: 0x0100, questions: [{ name, type: 'A' }] };
}

const ask = (name: string, id = 7): Buffer => encode(question(name, id));
const addresses = ({ answers = [] }: Packet): readonly unknown[] => answers.map((record) => ('data' in record ? record.data : undefined));

/** A name server that answers by `reply`; TCP on the same port where asked for. */
async function nameServer(reply: (query: Packet, by: 'udp' | 'tcp') => Packet | undefined, withTcp = false) {
  const seen: { readonly name: string | undefined; readonly by: 'udp' | 'tcp'; readonly from: string }[] = [];
  const answerTo = (bytes: Buffer, by: 'udp' | 'tcp', from: string): Packet | undefined => {
    const query = decode(bytes);
    seen.push({ name: query.questions?.[0]?.name, by, from });
    const packet = reply(query, by);
    return packet === undefined ? undefined : { id: query.id, type: 'response', questions: query.questions, ...packet };
  };
  const udp: UdpSocket = createSocket('udp4');
  udp.on('message', (bytes, { port, address }) => {
    const packet = answerTo(bytes, 'udp', address);
    if (packet !== undefined) udp.send(encode(packet), port, address);
  });
  await new Promise<void>((resolve) => void udp.bind(0, host, resolve));
  const { port } = udp.address();
  const tcp: Server = createServer((socket) =>
    socket.on('data', (bytes: Buffer) => {
      const packet = answerTo(encode(streamDecode(bytes)), 'tcp', socket.remoteAddress ?? '');
      if (packet !== undefined) socket.write(streamEncode(packet));
    }),
  );
  if (withTcp) await new Promise<void>((resolve) => void tcp.listen(port, host, resolve));
  const place: ServerAddress = { address: host, port };
  return {
    place,
    seen,
    [Symbol.asyncDispose]: async () => {
      await new Promise<void>((resolve) => void udp.close(() => resolve()));
      if (withTcp) await new Promise((resolve) => void tcp.close(resolve));
    },
  };
}

const found = (data: string): Packet => ({ answers: [{ name: 'www.example.net', type: 'A', data }] });
const truncated: Packet = { flags: 0x0200 };

suite('served', () => {
  test('by UDP and TCP on one port', async () => {
    await using dns = await running();
    assert.deepEqual(addresses(await askUdp(dns, ask('web'))), ['10.1.0.1']);
    const [answer] = await askTcp(dns, [streamEncode(question('web'))]);
    assert.deepEqual(addresses(answer ?? {}), ['10.1.0.1']);
  });

  test('what is cut short by UDP is whole by TCP', async () => {
    await using dns = await running();
    const short = await askUdp(dns, ask('many'));
    assert.equal(short.flag_tc, true);
    const [whole] = await askTcp(dns, [streamEncode(question('many'))]);
    assert.equal(whole?.answers?.length, 60);
  });

  test('several questions on one connection, in pieces of any size', async () => {
    await using dns = await running();
    const bytes = Buffer.concat([1, 2, 3].map((id) => streamEncode(question('web', id))));
    const pieces = [bytes.subarray(0, 1), bytes.subarray(1, 30), bytes.subarray(30)];
    const answers = await askTcp(dns, pieces);
    assert.deepEqual(
      answers.map(({ id }) => id),
      [1, 2, 3],
    );
  });

  test('a fast answer does not wait for a slow one on the same connection', async () => {
    const slow = Promise.withResolvers<Packet>();
    const silent = createSocket('udp4');
    await new Promise<void>((resolve) => void silent.bind(0, host, resolve));
    silent.on(
      'message',
      (bytes, { port, address }) =>
        void slow.promise.then((packet) =>
          silent.send(encode({ id: decode(bytes).id, type: 'response', questions: decode(bytes).questions, ...packet }), port, address),
        ),
    );
    await using dns = await running({ upstreams: [{ address: host, port: silent.address().port }] });
    const socket = connect({ host, port: dns.address.port });
    socket.write(Buffer.concat([streamEncode(question('www.example.net', 1)), streamEncode(question('web', 2))]));
    const frames = new TcpFrames();
    const ids: (number | undefined)[] = [];
    await new Promise<void>((resolve) =>
      socket.on('data', (chunk: Buffer) => {
        ids.push(...frames.read(chunk).map((message) => decode(message).id));
        slow.resolve(found('192.0.2.7'));
        if (ids.length === 2) resolve();
      }),
    );
    assert.deepEqual(ids, [2, 1]);
    socket.destroy();
    silent.close();
  });

  test('a client that asks by the thousand on one connection gets all answers, and none is waited for by a listener of its own', async () => {
    await using dns = await running();
    const warnings: string[] = [];
    const onWarning = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', onWarning);
    const answers = await askTcp(dns, [Buffer.concat(Array.from({ length: 10_000 }, (_, id) => streamEncode(question('many', id))))]);
    process.off('warning', onWarning);
    assert.equal(answers.length, 10_000);
    assert.deepEqual(warnings, []);
  });

  test('questions wait for the first table', async () => {
    const started = await startDns({
      listen: { address: host, port: 0 },
      namespace: 'shop',
      dnsDomain: 'shop.svc.cluster.local',
      upstreams: [],
      counters: new Counters(),
      clock: { ...systemClock, after: () => () => {} },
      logger: silentLogger,
      random: () => 0,
    });
    assert.ok(started.ok);
    const dns = started.value;
    assert.equal(dns.isReady(), false);
    const early = askUdp(dns, ask('web'));
    // It has been read once a later question by TCP has.
    const later = askTcp(dns, [streamEncode(question('web'))]);
    dns.setTable(table);
    assert.deepEqual(addresses(await early), ['10.1.0.1']);
    assert.equal((await later).length, 1);
    await dns.close();
  });

  test('an address that is taken is an error that names it', async () => {
    await using dns = await running();
    const second = await startDns({
      listen: dns.address,
      namespace: 'shop',
      dnsDomain: '',
      upstreams: [],
      counters: new Counters(),
      clock: systemClock,
      logger: silentLogger,
      random: () => 0,
    });
    assert.ok(!second.ok);
    assert.equal(second.error, `DNS: 127.0.0.1:${dns.address.port} (TCP) is in use by another process`);
  });
});

suite('asked of others', () => {
  test('the answer comes back as it is, under the number of the question, from the address that was given', async () => {
    await using server = await nameServer(() => found('192.0.2.7'));
    const counters = new Counters();
    await using dns = await running({ upstreams: [server.place], bindSources: ['127.0.0.2'] }, counters);
    const answer = await askUdp(dns, ask('www.example.net', 4711));
    assert.deepEqual([answer.id, addresses(answer)], [4711, ['192.0.2.7']]);
    assert.deepEqual(server.seen, [{ name: 'www.example.net', by: 'udp', from: '127.0.0.2' }]);
    assert.match(counters.print(), /dns_requests_total: 1\ndns_upstream_failures_total: 0\n.*_count: 1\n.*\ndns_upstream_requests_total: 1\n/);
  });

  test('the next one where the first is not there', async () => {
    await using server = await nameServer(() => found('192.0.2.7'));
    const nobody = createSocket('udp4');
    await new Promise<void>((resolve) => void nobody.bind(0, host, resolve));
    const closed = { address: host, port: nobody.address().port };
    nobody.close();
    await using dns = await running({ upstreams: [closed, server.place] });
    assert.deepEqual(addresses(await askUdp(dns, ask('www.example.net'))), ['192.0.2.7']);
  });

  test('the next one where the first is silent, or fails; from then on the one that answered comes first', async () => {
    await using silent = await nameServer(() => undefined);
    await using failing = await nameServer(() => ({ flags: 2 }));
    await using server = await nameServer(() => found('192.0.2.7'));
    // Time passes as soon as it is asked for.
    const clock = { ...systemClock, after: (ms: number, run: () => void) => systemClock.after(ms / 20, run) };
    await using dns = await running({ upstreams: [silent.place, failing.place, server.place], clock });
    assert.deepEqual(addresses(await askUdp(dns, ask('www.example.net'))), ['192.0.2.7']);
    assert.deepEqual(addresses(await askUdp(dns, ask('www.example.net'))), ['192.0.2.7']);
    assert.deepEqual([silent.seen.length, failing.seen.length, server.seen.length], [1, 1, 2]);
  });

  test('nobody answers: a failure of the server, and counted', async () => {
    const counters = new Counters();
    await using silent = await nameServer(() => undefined);
    const clock = { ...systemClock, after: (ms: number, run: () => void) => systemClock.after(ms / 100, run) };
    await using dns = await running({ upstreams: [silent.place], clock }, counters);
    assert.equal((await askUdp(dns, ask('www.example.net'))).rcode, 'SERVFAIL');
    assert.match(counters.print(), /dns_upstream_failures_total: 1\n/);
  });

  test('an answer to another question is not taken', async () => {
    let tries = 0;
    await using liar = await nameServer(() => ({ ...found('203.0.113.1'), questions: [{ name: 'evil.example.net', type: 'A' }], flags: tries++ }));
    await using server = await nameServer(() => found('192.0.2.7'));
    const clock = { ...systemClock, after: (ms: number, run: () => void) => systemClock.after(ms / 20, run) };
    await using dns = await running({ upstreams: [liar.place, server.place], clock });
    assert.deepEqual(addresses(await askUdp(dns, ask('www.example.net'))), ['192.0.2.7']);
  });

  test('what is cut short is passed on by UDP, and fetched whole for a client of TCP', async () => {
    await using server = await nameServer((_, by) => (by === 'udp' ? truncated : found('192.0.2.7')), true);
    await using dns = await running({ upstreams: [server.place], bindSources: ['127.0.0.2'] });
    assert.equal((await askUdp(dns, ask('www.example.net'))).flag_tc, true);
    const [whole] = await askTcp(dns, [streamEncode(question('www.example.net'))]);
    assert.deepEqual(addresses(whole ?? {}), ['192.0.2.7']);
    assert.deepEqual(
      server.seen.map(({ by, from }) => `${by} ${from}`),
      ['udp 127.0.0.2', 'udp 127.0.0.2', 'tcp 127.0.0.2'],
    );
  });

  test('a host of the mesh that others do not know has no data, and is not denied', async () => {
    await using server = await nameServer(() => ({ flags: 3 }));
    await using dns = await running({ upstreams: [server.place] });
    const answer = await askUdp(dns, encode({ type: 'query', questions: [{ name: 'api.example.com', type: 'MX' }] }));
    assert.deepEqual([answer.rcode, addresses(answer)], ['NOERROR', []]);
    assert.equal((await askUdp(dns, ask('www.example.net'))).rcode, 'NXDOMAIN');
  });

  test('an ExternalName of a host outside is answered with the addresses of that', async () => {
    await using server = await nameServer(() => ({ answers: [{ name: 'www.example.org', type: 'A', data: '192.0.2.8' }] }));
    await using dns = await running({ upstreams: [server.place] });
    assert.deepEqual(addresses(await askUdp(dns, ask('outside'))), ['www.example.org', '192.0.2.8']);
    assert.equal(server.seen[0]?.name, 'www.example.org');
  });
});

test('a node knows whole names of Services alone, and nothing below their domain besides', async () => {
  const asked: Buffer[] = [];
  const started = await startNodeDns({
    listen: { address: host, port: 0 },
    domain: 'cluster.local',
    ask: (query) => {
      asked.push(query);
      return Promise.resolve(undefined);
    },
    counters: new Counters(),
    clock: systemClock,
    random: () => 0,
  });
  assert.ok(started.ok);
  started.value.setTable(table);
  const codes = await Promise.all(
    ['web.shop.svc.cluster.local', 'web', 'nobody.shop.svc.cluster.local', 'www.example.net'].map(
      async (name) => (await askUdp(started.value, ask(name))).rcode,
    ),
  );
  assert.deepEqual(codes, ['NOERROR', 'SERVFAIL', 'NXDOMAIN', 'SERVFAIL']);
  assert.equal(asked.length, 2);
  await started.value.close();
});
