// A terminal for a command, without native code of ours: script(1) makes one and hands over what is typed and printed; stty(1) gives it its size.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export type TerminalSize = { readonly name: string; readonly rows: number; readonly columns: number };

/**
 * The command line that runs a command in a terminal of that size; its exit code is the command's. script(1) of util-linux takes one line for a shell, that of
 * BSD and macOS takes words.
 */
export function inTerminal(
  command: string,
  args: readonly string[],
  { name, rows, columns }: TerminalSize,
): { readonly command: string; readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  const sized = `stty rows ${Math.trunc(rows)} cols ${Math.trunc(columns)} 2>/dev/null; exec "$@"`;
  const words = ['/bin/sh', '-c', sized, 'sh', command, ...args];
  const env = { TERM: name, SHELL: '/bin/sh' };
  if (process.platform === 'linux')
    return { command: 'script', args: ['-q', '-e', '-f', '-c', `exec ${words.map(quoted).join(' ')}`, '/dev/null'], env };
  return { command: 'script', args: ['-q', '/dev/null', ...words], env };
}

/** For a POSIX shell. */
function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Gives the terminal of a running script(1) another size; the kernel tells the programs in it. Linux: elsewhere it keeps the one it was made with. */
export function resizeTerminal(pid: number | undefined, rows: number, columns: number): void {
  if (pid === undefined || !(rows > 0) || !(columns > 0)) return;
  const terminal = terminalBelow(pid);
  if (terminal !== undefined) execFile('stty', ['-F', terminal, 'rows', String(Math.trunc(rows)), 'cols', String(Math.trunc(columns))], () => {});
}

/** The terminal that a process below `pid` has as its input, as a path that leads there from any namespace. */
function terminalBelow(pid: number): string | undefined {
  for (const child of childrenOf(pid)) {
    try {
      if (readlinkSync(`/proc/${child}/fd/0`).startsWith('/dev/pts/')) return `/proc/${child}/fd/0`;
    } catch {
      // It has ended.
    }
    const below = terminalBelow(child);
    if (below !== undefined) return below;
  }
  return undefined;
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) => {
      const text = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8');
      return text.split(' ').filter(Boolean).map(Number);
    });
  } catch {
    return [];
  }
}
