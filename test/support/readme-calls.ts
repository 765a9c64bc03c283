// The calls that an example's README shows, `$ command` and below it what was printed: read from the page, run as they stand, so that the page is the
// table that the test runs.
import { execFile } from 'node:child_process';

export type ShownCall = { readonly command: string; readonly output: string };

/** The calls of all fenced blocks of a page, in their order. */
export function shownCalls(page: string): readonly ShownCall[] {
  const calls: { readonly command: string; readonly lines: string[] }[] = [];
  for (const [, block = ''] of page.matchAll(/```\n([\s\S]*?)```/g)) {
    if (!block.startsWith('$ ')) continue;
    for (const line of block.trimEnd().split('\n')) {
      if (line.startsWith('$ ')) calls.push({ command: line.slice(2), lines: [] });
      else calls.at(-1)?.lines.push(line);
    }
  }
  return calls.map(({ command, lines }) => ({ command, output: lines.join('\n') }));
}

export type CallsOptions = {
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Text of the page → what it is here, such as the port of the gateway. */
  readonly replaced: readonly (readonly [written: string, here: string])[];
};

/** What each of the commands prints when they run one after the other in one shell, as on the page: variables live on. Errors of curl are not shown. */
export async function runCalls(calls: readonly ShownCall[], { cwd, environment, replaced }: CallsOptions): Promise<readonly string[]> {
  const here = (command: string): string => replaced.reduce((text, [written, value]) => text.replaceAll(written, value), command);
  const end = '\u0001';
  const script = calls.map(({ command }) => `${here(command)}\nprintf '${end}'`).join('\n');
  const printed = await new Promise<string>((resolve, reject) => {
    const env = { PATH: process.env['PATH'] ?? '', ...environment };
    execFile('bash', ['-c', script], { cwd, env, timeout: 60_000, encoding: 'utf8' }, (error, stdout) => {
      // The last command's exit code is curl's own: what it printed is what counts.
      if (error === null || stdout.endsWith(end)) resolve(stdout);
      else reject(new Error('the calls could not all be made', { cause: error }));
    });
  });
  return printed
    .split(end)
    .slice(0, -1)
    .map((text) => text.trimEnd());
}
