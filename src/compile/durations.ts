// Durations as protobuf has them.
import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';
import { create } from '#envoy/create.ts';

/** Whole milliseconds as google.protobuf.Duration. */
export function duration(ms: number): Duration {
  const seconds = Math.floor(ms / 1000);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) });
}

/** Set explicitly where Envoy's default is not "none". */
export function noTimeout(): Duration {
  none ??= duration(0);
  return none;
}

/** One for all: messages are never changed. */
let none: Duration | undefined;
