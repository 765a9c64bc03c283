// google.protobuf.Duration as milliseconds, the unit of every compiled entry.
import type { Duration } from '@bufbuild/protobuf/wkt';

/** Milliseconds, fractions kept; `absent` where the field is not set. */
export function durationMs(duration: Duration | undefined, absent: number): number {
  return duration === undefined ? absent : Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}
