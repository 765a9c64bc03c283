// One program, with text to read, run to its end.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { failed, ok, type Result } from '#base/result.ts';

/** Takes the text as standard input; gives its output, or the last lines of what it said when it failed, or why it was not started. Never rejects. */
export function runProgram(command: string, args: readonly string[], input = ''): Promise<Result<string, string>> {
  return new Promise((resolve) => {
    let child: Child;
    try {
      child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    } catch (error) {
      resolve(failed(error instanceof Error ? error.message : String(error)));
      return;
    }
    let said = '';
    let errors = '';
    child.once('error', (error) => resolve(failed(error.message)));
    child.once('close', (code) => {
      if (code === 0) resolve(ok(said));
      else resolve(failed(errors.trim().split('\n').slice(-3).join('; ') || `${command} ended with code ${code}`));
    });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.stdin?.on('error', () => {}); // a program that reads nothing is judged by its end
    child.stdin?.end(input);
  });
}

/** Without its pipes where this process may open no more files: that is told by an event. The types leave it out. */
type Child = ChildProcessByStdio<Writable | null, Readable | null, Readable | null>;
