// Durations as protobuf has them.
import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';
import { createShared } from '#envoy/shared-message.ts';

/** Messages are never changed, so that one serves all places with the same time: those of a mesh are few. */
const known = new Map<number, Duration>();
const mostKnown = 1024;

/** Whole milliseconds as google.protobuf.Duration. */
export function duration(ms: number): Duration {
  let found = known.get(ms);
  if (found === undefined) {
    const seconds = Math.floor(ms / 1000);
    found = createShared(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) });
    if (known.size >= mostKnown) known.clear();
    known.set(ms, found);
  }
  return found;
}

/** Set explicitly where Envoy's default is not "none". */
export function noTimeout(): Duration {
  return duration(0);
}
