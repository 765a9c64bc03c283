// Log lines to a file: time, level, message, fields. For the parts of a local mesh whose output is not for the terminal.
import { appendFileSync } from 'node:fs';
import type { Logger, LogLevel } from '#base/logger.ts';

const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Appends lines of at least this level. What cannot be written is lost: a full disk must not stop a mesh. */
export function fileLogger(file: string, level: LogLevel): Logger {
  return {
    log: (lineLevel, message, fields = {}) => {
      if (rank[lineLevel] < rank[level]) return;
      const details = Object.entries(fields).map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
      try {
        appendFileSync(file, `${new Date().toISOString()} ${lineLevel} ${message}${details.join('')}\n`);
      } catch {
        // See above.
      }
    },
  };
}
