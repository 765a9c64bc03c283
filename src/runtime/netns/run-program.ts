// One program, with text to read, run to its end.
import { spawn } from 'node:child_process';
import { failed, ok, type Result } from '#base/result.ts';

/** Takes the text as standard input; gives its output, or the last lines of what it said when it failed. */
export function runProgram(command: string, args: readonly string[], input = ''): Promise<Result<string, string>> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.stdin.on('error', () => {}); // a program that reads nothing is judged by its end
    child.once('error', (error) => resolve(failed(error.message)));
    child.once('close', (code) => {
      if (code === 0) resolve(ok(said));
      else resolve(failed(errors.trim().split('\n').slice(-3).join('; ') || `${command} ended with code ${code}`));
    });
    child.stdin.end(input);
  });
}
