// What README.md shows as output, made by running it: `npm run docs` writes it into the marked blocks, and a scenario test makes it again
// and compares the shape, so that the page cannot drift from the program.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { canNetns } from '#runtime/netns/availability.ts';
import { httpCall } from '#test/support/http-call.ts';
import { type RunningProcess, startHeddle } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Block name → its lines, the typed command first. `gatewayPort` 0 takes a free one. Without a word about networks, which a machine may have to say. */
export async function recordSessions(gatewayPort: number): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ...(await recordUp('examples/hello', gatewayPort, { command: 'npm start', up: 'up', call: 'call' })),
    ...(await recordAnalyze('examples/hello/as-published')),
    ...(await recordUp('examples/hello/as-published', gatewayPort, { command: 'npm start -- examples/hello/as-published', call: 'failure' })),
  ]);
}

type Names = { readonly command: string; readonly up?: string; readonly call: string };

async function recordUp(path: string, gatewayPort: number, names: Names): Promise<readonly (readonly [string, string])[]> {
  await using folder = await temporaryFolder();
  const network = (await canNetns({ environment: process.env })).ok ? 'netns' : 'loopback';
  const args = ['up', path, '--network', network, '--gateway-port', String(gatewayPort), '--state-dir', folder.path];
  // What is not shown to become ready may as well wait for ever.
  const ready = names.up === undefined ? /^try +curl|^waits +for/ : /^ready +after/;
  await using mesh = await startHeddle(args, { cwd: root, ready, readyTimeoutMs: 60_000, stopTimeoutMs: 20_000 });
  const call = await recordCall(mesh);
  const up = `$ ${names.command}\n${lastTable(mesh.stdout())}`;
  return [...(names.up === undefined ? [] : [[names.up, up] as const]), [names.call, call]];
}

/** On a busy machine a mesh says what it waits for, with a table as it is by then, before it is ready. */
function lastTable(stdout: string): string {
  return stdout.slice(stdout.lastIndexOf('WORKLOAD ')).trim();
}

/** The call that `up` proposes, or where it proposes none, the plain one to its gateway. */
async function recordCall(mesh: RunningProcess): Promise<string> {
  const [, gatewayPort] = await mesh.waitForLine(/^gateway +http:\/\/127\.0\.0\.1:(\d+)/);
  const host = 'hello.example.com';
  const { body } = await httpCall({ port: Number(gatewayPort), headers: { host } });
  return `$ curl -H 'Host: ${host}' http://127.0.0.1:${gatewayPort}/\n${body.trim()}`;
}

function recordAnalyze(path: string): Promise<readonly (readonly [string, string])[]> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['bin/heddle.js', 'analyze', path], { cwd: root }, (_findings, stdout) => {
      resolve([['analyze', `$ npx heddle analyze ${path}\n${stdout.trim()}`]]);
    });
  });
}

const block = /(<!-- output: (\S+) -->\n```\n)([\s\S]*?)(```\n<!-- end -->)/g;

/** The blocks of a page as they stand. */
export function readBlocks(page: string): ReadonlyMap<string, string> {
  return new Map([...page.matchAll(block)].map((match) => [match[2] ?? '', (match[3] ?? '').trim()]));
}

/** The page with its blocks replaced. Throws for a block that no session makes. */
export function writeBlocks(page: string, sessions: ReadonlyMap<string, string>): string {
  return page.replace(block, (_whole, start: string, name: string, _old: string, end: string) => {
    const text = sessions.get(name);
    if (text === undefined) throw new Error(`README.md has a block ${name} that nothing makes`);
    return `${start}${text}\n${end}`;
  });
}

/** What must be equal from run to run: not addresses, ports, times, ids, the width of columns, or which version answered. */
export function shapeOf(text: string): string {
  return text
    .replace(/(127\.0\.0\.1|198\.18\.\d+\.\d+):\d+/g, 'ADDRESS:PORT')
    .replace(/\d+(\.\d+)? (ms|s)\b/g, 'TIME')
    .replace(/hello from v[12] \(hello-v[12]\)/g, 'hello from VERSION')
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
    .replace(/ +/g, ' ')
    .trim();
}
