// Colour where a person looks at a terminal, plain text everywhere else (NO_COLOR and pipes included).
import { styleText } from 'node:util';

export type Paint = {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly strong: (text: string) => string;
};

export function paintFor(stream: NodeJS.WriteStream): Paint {
  const paint =
    (format: Parameters<typeof styleText>[0]) =>
    (text: string): string =>
      styleText(format, text, { stream, validateStream: true });
  return { good: paint('green'), bad: paint('red'), warn: paint('yellow'), dim: paint('dim'), strong: paint('bold') };
}

/** An error for the user: one line, and a hint where there is one. Sets the exit code. */
export function fail(message: string, { hint, exitCode = 2 }: { readonly hint?: string | undefined; readonly exitCode?: number } = {}): void {
  const paint = paintFor(process.stderr);
  process.stderr.write(`${paint.bad('heddle:')} ${message}\n${hint === undefined ? '' : `  ${hint}\n`}`);
  process.exitCode = exitCode;
}
