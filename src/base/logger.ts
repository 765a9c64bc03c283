// The one shape of log lines. Rooms take a Logger as an argument; app/ decides where it goes.

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** `fields` are printed as `key=value` or as JSON; never pass a secret. */
export type Logger = {
  readonly log: (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;
};

export const silentLogger: Logger = { log: () => {} };
