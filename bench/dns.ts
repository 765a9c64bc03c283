// What an answer of the name server beside a proxy costs: the answer alone, and by UDP with its socket, from the processor time of its process.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { encode } from 'dns-packet';
import { type Bench, judge, round, type Settings, type Table } from '#bench/bench.ts';
import { benchTable, services } from '#bench/dns-table.ts';
import { cpuMicroseconds, residentMegabytes } from '#bench/process-usage.ts';
import { answer } from '#dns/answer.ts';
import { dnsClient } from '#dns/lookup.ts';
import { NameIndex } from '#dns/name-index.ts';

/** 20,000 answers a second of one core. */
const targetMicroseconds = 50;
/** Questions under way at a time. */
const window = 32;

type Case = { readonly name: string; readonly question: (index: number) => Buffer };

const cases: readonly Case[] = [
  { name: 'a Service by its whole name', question: (index) => ask(`svc-${index % services}.shop.svc.cluster.local`) },
  { name: 'a short name', question: (index) => ask(`svc-${index % services}`) },
  { name: 'a host outside with a search domain', question: () => ask('api.example.com.shop.svc.cluster.local') },
  { name: 'a headless Service of 50 pods', question: () => ask('db.shop.svc.cluster.local') },
  { name: 'a name that there is not', question: (index) => ask(`none-${index}.shop.svc.cluster.local`) },
];

export const dns: Bench = {
  name: 'dns',
  about: `answers of the name server beside a proxy: a table of ${services} Services, UDP, ${window} questions under way, processor time of its process`,
  run: measure,
};

async function measure({ quick, say }: Settings): Promise<Table> {
  const server = spawn(process.execPath, [fileURLToPath(new URL('dns-server.ts', import.meta.url))], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    // Its port is the first thing that it says.
    const [line] = (await once(server.stdout, 'data')) as [Buffer];
    const port = Number(line.toString());
    const pid = server.pid ?? 0;
    const rows: string[][] = [];
    let worst = 0;
    for (const one of cases) {
      say(one.name);
      const questions = Array.from({ length: 1_000 }, (_, index) => one.question(index));
      const alone = answerAlone(questions, quick ? 1_000 : 200_000);
      await exchange(port, questions, quick ? 200 : 20_000);
      const count = quick ? 1_000 : 100_000;
      const before = cpuMicroseconds(pid);
      const startedMs = performance.now();
      await exchange(port, questions, count);
      const each = (cpuMicroseconds(pid) - before) / count;
      worst = Math.max(worst, each);
      rows.push([
        one.name,
        round(alone),
        round(each),
        round(each === 0 ? Number.NaN : 1e6 / each),
        round((count * 1000) / (performance.now() - startedMs)),
      ]);
    }
    const notes = [
      judge('the dearest answer', worst, targetMicroseconds, ' us'),
      `resident: ${round(residentMegabytes(pid).current)} MB, Node itself included`,
    ];
    return { columns: ['question', 'answer us', 'with UDP us', 'a second of a core', 'a second'], rows, notes };
  } finally {
    server.kill();
  }
}

function ask(name: string): Buffer {
  const option = { type: 'OPT', name: '.', udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false } as const;
  return encode({ type: 'query', id: 1, flags: 0x0100, questions: [{ name, type: 'A' }], additionals: [{ ...option, options: [] }] });
}

function answerAlone(questions: readonly Buffer[], count: number): number {
  const context = {
    index: new NameIndex(benchTable()),
    client: dnsClient('shop', 'shop.svc.cluster.local'),
    transport: 'udp',
    random: Math.random,
  } as const;
  const run = (times: number): void => {
    for (let index = 0; index < times; index++) answer(questions[index % questions.length] ?? Buffer.alloc(0), context);
  };
  run(Math.min(count, 20_000));
  const startedMs = performance.now();
  run(count);
  return ((performance.now() - startedMs) * 1000) / count;
}

/** Sends `count` questions, each next one when an answer has come. */
async function exchange(port: number, questions: readonly Buffer[], count: number): Promise<void> {
  const socket = createSocket({ type: 'udp4', lookup: (host, _, done) => done(null, host, 4) });
  await new Promise<void>((resolve) => socket.connect(port, '127.0.0.1', resolve));
  let sent = 0;
  let answered = 0;
  const send = (): void => {
    if (sent < count) socket.send(questions[sent++ % questions.length] ?? Buffer.alloc(0));
  };
  await new Promise<void>((resolve) => {
    socket.on('message', () => {
      answered++;
      if (answered === count) resolve();
      else send();
    });
    for (let index = 0; index < window; index++) send();
  });
  socket.close();
}
