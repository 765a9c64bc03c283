// `heddle load URL|SERVICE|PATH`: requests at a constant rate, and what they came to. Goes to what was typed, or into the mesh that runs here, and nowhere else.
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { Command, InvalidArgumentError, Option } from 'commander';
import { findRunningMesh } from '#app/find-mesh.ts';
import { type Aim, aimLoad } from '#app/load/aim.ts';
import { planInPod, runLoadInPod } from '#app/load/load-in-pod.ts';
import type { LoadPlan } from '#app/load/load-plan.ts';
import { readTarget } from '#app/load/load-target.ts';
import { runLoad } from '#app/load/run-load.ts';
import type { LoadReport } from '#app/load/tally.ts';
import { systemClock } from '#base/clock.ts';
import { parseDurationMs } from '#base/duration.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { loadTitle, missedThresholds, progressLine, reportLines } from '#cli/load-report.ts';
import { fail, paintFor } from '#cli/style.ts';
import { type VerbOptions, withVerbOptions } from '#cli/verb.ts';

type LoadOptions = VerbOptions & {
  readonly from?: string;
  readonly rate: number;
  readonly duration: number;
  readonly connections?: number;
  readonly http1?: true;
  readonly http2?: true;
  readonly header: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly data?: string;
  readonly timeout: number;
  readonly insecure?: true;
  readonly maxErrorRate?: number;
  readonly maxP99?: number;
  readonly output: 'text' | 'json';
  readonly inside?: true;
};

const help = `
A path (/productpage) goes through the gateway of the mesh that runs here, for the host that it serves; a Service (reviews, reviews.shop:9080/ratings) by a
route of the gateway that leads to it. With --from a Service is called as that pod's application would call it, through its sidecar. A URL goes where it says.

Every request has its time, whatever the answers take: what cannot be sent in time is sent late, and its latency counts from the planned time, so that
a stall shows with all who would have met it. "service" counts from the sending. Times have steps of about a millisecond. An error is no answer, or one
other than 2xx and 3xx (gRPC: other than 0). Redirects are not followed. Ctrl-C ends it with the result so far.

Exit codes: 0 done; 1 nothing was answered, a threshold was missed, or there is no such mesh, pod or Service; 2 usage.

Examples:
  heddle load /productpage --rate 50 --duration 1m
  heddle load reviews --from productpage-v1
  heddle load http://127.0.0.1:8080/ -H 'host: hello.example.com' --max-error-rate 0.1% --max-p99 50ms
  heddle load https://shop.test:8443/ --http2 -k -o json | jq .latencyMs.p999
`;

export function loadCommand(): Command {
  return withVerbOptions(new Command('load'))
    .description('Sends requests at a constant rate, and says what became of them and how long they took.')
    .argument('[target]', 'a URL, a Service of the mesh, or a path of its gateway')
    .option('--from <workload>', 'a pod, or what the names of its pods begin with: load from there')
    .option('--rate <requests>', 'how many a second', rate, 100)
    .option('--duration <time>', 'for how long, at most a day', duration, 30_000)
    .option('--connections <count>', 'at most so many at a time; 64, with --http2 4', connections)
    .addOption(new Option('--http1', 'speak HTTP/1.1, as without it').conflicts('http2'))
    .option('--http2', 'speak HTTP/2, without TLS too')
    .addOption(new Option('-H, --header <header>', "a field of each request, 'name: value'; may be repeated").argParser(header).default({}, 'none'))
    .option('-X, --method <method>', 'GET, or POST with --data')
    .option('-d, --data <text>', 'the body of each request; @FILE is read')
    .option('--timeout <time>', 'how long an answer may take', duration, 10_000)
    .option('-k, --insecure', 'take certificates as they come')
    .option('--max-error-rate <share>', 'more errors are a failure: 1%, 0.01', share)
    .option('--max-p99 <time>', 'a p99 above this is a failure: 250ms', duration)
    .addOption(new Option('-o, --output <format>', 'output format').choices(['text', 'json']).default('text'))
    .addOption(new Option('--inside').hideHelp())
    .addHelpText('after', help)
    .action(load);
}

async function load(word: string | undefined, options: LoadOptions): Promise<void> {
  if (options.inside === true) return loadInside();
  const target = word === undefined ? undefined : readTarget(word);
  if (target === undefined) {
    return fail(word === undefined ? 'what is to be loaded?' : `${word} is no URL, Service or path`, {
      hint: 'such as: http://127.0.0.1:8080/, reviews, reviews.shop:9080/ratings, /productpage',
    });
  }
  const mesh = () => findRunningMesh(options.stateDir, process.cwd());
  const aim = await aimLoad({ target, namespace: options.namespace, mesh, ...(options.from !== undefined && { from: options.from }) });
  if (!aim.ok) return fail(aim.error.message, { hint: aim.error.hint, exitCode: 1 });
  const plan = planOf(aim.value, options);
  if (!plan.ok) return fail(plan.error);
  const to = titleOf(aim.value, plan.value);
  if (options.output === 'text') process.stdout.write(`${loadTitle(plan.value, to)}\n\n`);
  const report = await run(aim.value, plan.value, options);
  if (report !== undefined) tellReport(report, plan.value, to, options);
}

function tellReport(report: LoadReport, plan: LoadPlan, to: string, { output, maxErrorRate, maxP99 }: LoadOptions): void {
  const limits = { ...(maxErrorRate !== undefined && { maxErrorRate }), ...(maxP99 !== undefined && { maxP99Ms: maxP99 }) };
  const missed = missedThresholds(report, limits);
  const { protocol, ratePerSecond, durationMs, connections: pool } = plan;
  const said = output === 'json' ? json({ target: to, protocol, ratePerSecond, durationMs, connections: pool, ...report, missed }) : undefined;
  process.stdout.write(`${said ?? reportLines(report, missed, paintFor(process.stdout))}\n`);
  process.exitCode = missed.length === 0 ? 0 : 1;
}

/** Undefined: it could not be run, and that has been told. */
async function run(aim: Aim, plan: LoadPlan, options: LoadOptions): Promise<LoadReport | undefined> {
  const stop = stopOnSignal();
  const isTerminal = process.stderr.isTTY;
  const onProgress = (report: LoadReport): void => {
    if (isTerminal) process.stderr.write(`\r\u001b[2K${progressLine(report, plan)}`);
  };
  // The clock's timers do not keep a process alive.
  const alive = setInterval(() => {}, 60_000);
  try {
    if (aim.kind === 'here') return await runLoad(plan, { clock: systemClock, stop, onProgress });
    const mesh = findRunningMesh(options.stateDir, process.cwd());
    if (!mesh.ok) {
      fail(mesh.error.message, { hint: mesh.error.hint, exitCode: 1 });
      return undefined;
    }
    const program = [process.execPath, process.argv[1] ?? ''];
    const report = await runLoadInPod({ admin: mesh.value.target, aim, plan, program, stop, onProgress });
    if (report.ok) return report.value;
    fail(report.error.error, { hint: report.error.hint, exitCode: 1 });
    return undefined;
  } finally {
    clearInterval(alive);
    if (isTerminal) process.stderr.write('\r\u001b[2K');
  }
}

/** In a pod, started by another process of ours: the plan comes in, lines of JSON go out. */
async function loadInside(): Promise<void> {
  const plan = planInPod(await text(process.stdin), process.env);
  if (plan === undefined) return fail('--inside is for heddle load itself');
  const stop = stopOnSignal();
  const tell = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
  const alive = setInterval(() => {}, 60_000);
  const report = await runLoad(plan, { clock: systemClock, stop, onProgress: (progress) => tell({ progress }) });
  clearInterval(alive);
  tell({ report });
}

function stopOnSignal(): AbortSignal {
  const stop = new AbortController();
  // Said again, the signal does what it does to any program.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
  return stop.signal;
}

function planOf(aim: Aim, options: LoadOptions): Result<LoadPlan, string> {
  const body = options.data === undefined ? ok(undefined) : bodyOf(options.data);
  if (!body.ok) return body;
  const url = aim.kind === 'here' ? aim.url : 'url' in aim.what ? aim.what.url : `http://${aim.what.name}/`;
  const host = aim.kind === 'here' && aim.host !== undefined ? { host: aim.host } : {};
  return ok({
    url,
    method: (options.method ?? (body.value === undefined ? 'GET' : 'POST')).toUpperCase(),
    headers: { ...host, ...options.header },
    ...(body.value !== undefined && { body: body.value }),
    protocol: options.http2 === true ? 'http2' : 'http1',
    ratePerSecond: options.rate,
    durationMs: options.duration,
    connections: options.connections ?? (options.http2 === true ? 4 : 64),
    timeoutMs: options.timeout,
    verify: options.insecure !== true,
  });
}

function bodyOf(data: string): Result<string, string> {
  if (!data.startsWith('@')) return ok(data);
  try {
    return ok(readFileSync(data.slice(1), 'utf8'));
  } catch (error) {
    return failed(`the body cannot be read: ${error instanceof Error ? error.message : data}`);
  }
}

/** `http://127.0.0.1:8080/ as shop.example`, `reviews.default:9080/ from productpage-v1-0` */
function titleOf(aim: Aim, { url, headers: { host } }: LoadPlan): string {
  if (aim.kind === 'here') return host === undefined ? url : `${url} as ${host}`;
  const { what } = aim;
  return `${'url' in what ? what.url : `${what.name}.${what.namespace}:${what.port}${what.path}`} from ${aim.pod}`;
}

function json(value: object): string {
  return JSON.stringify(value, null, 2);
}

function rate(given: string): number {
  const value = Number(given);
  if (!(value > 0 && value <= 100_000)) throw new InvalidArgumentError('It must be a number above 0, at most 100000.');
  return value;
}

function duration(given: string): number {
  const value = parseDurationMs(given) ?? 0;
  if (!(value > 0 && value <= 86_400_000)) throw new InvalidArgumentError('It must be a duration above 0, at most a day: 30s, 5m.');
  return value;
}

function connections(given: string): number {
  const value = Number(given);
  if (!Number.isInteger(value) || value < 1 || value > 10_000) throw new InvalidArgumentError('It must be a whole number, 1 to 10000.');
  return value;
}

function share(given: string): number {
  const [, number, percent] = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(given) ?? [];
  const value = Number(number ?? Number.NaN) / (percent === '%' ? 100 : 1);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('It must be a share: 1%, 0.01.');
  return value;
}

function header(given: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(given) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError("It must be 'name: value'.");
  return { ...before, [name.toLowerCase()]: value.trimEnd() };
}
