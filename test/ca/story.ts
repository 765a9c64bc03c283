// An authority in a folder of its own, the secure port before it, and workloads that ask there: real TLS and gRPC on loopback, time by hand.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import type { LogLevel } from '#base/logger.ts';
import { startWorkloadIdentity } from '#ca/client/client.ts';
import type { KeyType } from '#ca/client/csr.ts';
import type { WorkloadIdentity } from '#ca/client/workload-identity.ts';
import { type Authority, openAuthority } from '#ca/folder/authority.ts';
import { openGuard } from '#ca/server/guard.ts';
import { issueToken } from '#ca/token.ts';
import { HandClock } from '#test/support/hand-clock.ts';
import { MemoryNodeSource } from '#test/support/memory-node-source.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';
import { startXdsServer } from '#xds/server/server.ts';

/** Time goes on by hand, from today on, because TLS asks the real clock; the time of day can be put elsewhere. */
export class StoryClock implements Clock {
  readonly #hand = new HandClock();
  readonly #startMs = Date.now();
  #jumpedMs = 0;

  readonly nowMs = (): number => this.#startMs + this.#hand.monotonicMs() + this.#jumpedMs;

  readonly monotonicMs = (): number => this.#hand.monotonicMs();

  readonly after = (delayMs: number, run: () => void): (() => void) => this.#hand.after(delayMs, run);

  advance(byMs: number): void {
    this.#hand.advance(byMs);
  }

  /** The time of day, and nothing else. */
  jump(byMs: number): void {
    this.#jumpedMs += byMs;
  }
}

export type Line = { readonly level: LogLevel; readonly message: string; readonly fields: Readonly<Record<string, unknown>> };

export class Log {
  readonly lines: Line[] = [];

  readonly log = (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void =>
    void this.lines.push({ level, message, fields });

  has(level: LogLevel, message: RegExp): boolean {
    return this.lines.some((line) => line.level === level && message.test(line.message));
  }
}

export type Story = AsyncDisposable & {
  readonly folder: string;
  readonly authority: Authority;
  readonly serverClock: StoryClock;
  readonly log: Log;
  /** What is in the log of the workloads. */
  readonly clientLog: Log;
  readonly port: () => number;
  readonly plainPort: () => number;
  /** The port is closed; what is open ends. */
  readonly stop: () => Promise<void>;
  /** On the port of before. */
  readonly start: () => Promise<void>;
  readonly token: (identity: string, options?: { readonly pod?: string; readonly ttlMs?: number }) => Promise<string>;
  /** A workload with a token of its own, in a file. */
  readonly workload: (identity: string, options?: WorkloadOptions) => Promise<Workload>;
};

export type WorkloadOptions = {
  readonly clock?: StoryClock;
  readonly token?: string;
  readonly validityMs?: number;
  readonly keyType?: KeyType;
};

export type Workload = WorkloadIdentity & { readonly clock: StoryClock; readonly tokenFile: string; readonly rootsFile: string };

const accountOf = (identity: string) => {
  const [, , trustDomain = '', , namespace = '', , serviceAccount = ''] = identity.split('/');
  return { trustDomain, namespace, serviceAccount };
};

export async function startStory(): Promise<Story> {
  const folder = await temporaryFolder();
  const serverClock = new StoryClock();
  const log = new Log();
  const clientLog = new Log();
  const caFolder = join(folder.path, 'ca');
  const opened = openAuthority({ folder: caFolder, clock: serverClock, logger: log });
  if (!opened.ok) throw new Error(opened.error.message);
  const authority = opened.value;
  const open = async (port: number) => {
    const trustDomains = () => ({ own: 'cluster.local', aliases: ['former.local'] });
    const guard = openGuard({ authority, trustDomains, clock: serverClock, logger: log });
    if (!guard.ok) throw new Error(guard.error);
    const secure = { ...guard.value, address: '127.0.0.1', port };
    const source = new MemoryNodeSource();
    const xds = await startXdsServer({ source, address: '127.0.0.1', port: 0, logger: log, clock: systemLike(serverClock), secure });
    if (!xds.ok) throw new Error(xds.error.reason);
    const close = async () => {
      guard.value.endStreams();
      await xds.value.close();
      guard.value[Symbol.dispose]();
    };
    return { port: xds.value.securePort ?? 0, plainPort: xds.value.port, close };
  };
  let server: Awaited<ReturnType<typeof open>> | undefined = await open(0);
  const { port } = server;
  const stop = async () => {
    await server?.close();
    server = undefined;
  };
  const workloads = new Set<Workload>();
  const token: Story['token'] = async (identity, { pod, ttlMs = 3_600_000 } = {}) => {
    const content = pod === undefined ? { identity: accountOf(identity) } : { identity: accountOf(identity), pod };
    return (await issueToken(authority.content().tokenKey, content, ttlMs, serverClock.nowMs())).reveal();
  };
  return {
    folder: caFolder,
    authority,
    serverClock,
    log,
    clientLog,
    port: () => port,
    plainPort: () => server?.plainPort ?? 0,
    stop,
    start: async () => {
      server = await open(port);
    },
    token,
    workload: async (identity, { clock = new StoryClock(), token: given, ...options } = {}) => {
      const tokenFile = join(folder.path, `token-${workloads.size}`);
      writeFileSync(tokenFile, given ?? (await token(identity)));
      const rootsFile = join(caFolder, 'root-cert.pem');
      const target = `127.0.0.1:${port}`;
      const own = startWorkloadIdentity({ target, rootsFile, tokenFile, logger: clientLog, clock, random: () => 0.5, ...options });
      const workload = { ...own, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](), clock, tokenFile, rootsFile };
      workloads.add(workload);
      return workload;
    },
    [Symbol.asyncDispose]: async () => {
      for (const workload of workloads) await workload[Symbol.asyncDispose]();
      await stop();
      authority[Symbol.dispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Ends of streams are waited for in real time. */
function systemLike(clock: StoryClock): Clock {
  return {
    nowMs: clock.nowMs,
    monotonicMs: () => performance.now(),
    after: (delayMs, run) => {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
  };
}

/** Until `holds`, letting the clocks go on a little each time, as the real one would. */
export async function until(what: string, clocks: readonly StoryClock[], holds: () => boolean, stepMs = 50): Promise<void> {
  await waitUntil(what, () => {
    if (holds()) return true;
    for (const clock of clocks) clock.advance(stepMs);
    return false;
  });
}
