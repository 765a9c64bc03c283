// Log lines of a process to standard error or a file, from a level on that may change while it runs.
import { appendFileSync, writeSync } from 'node:fs';
import type { Logger, LogLevel } from '#base/logger.ts';

const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export type LeveledLogger = Logger & { readonly setLevel: (level: LogLevel) => void };

/** `time level message key=value …`. What cannot be written is lost: a full disk must not stop a proxy. */
export function leveledLogger(level: LogLevel, file: string | undefined): LeveledLogger {
  let lowest = level;
  return {
    setLevel: (next) => {
      lowest = next;
    },
    log: (lineLevel, message, fields = {}) => {
      if (rank[lineLevel] < rank[lowest]) return;
      const details = Object.entries(fields).map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
      const line = `${new Date().toISOString()} ${lineLevel} ${message}${details.join('')}\n`;
      try {
        if (file === undefined) writeSync(2, line);
        else appendFileSync(file, line);
      } catch {
        // See above.
      }
    },
  };
}
