// An access log as the data path sees it: records go in, lines come out somewhere, and nothing is waited for.
import type { AccessRecord } from '#telemetry/access-record.ts';

/** Formats the record at once and hands the line to a batch; never blocks, never throws. */
export type AccessLog = {
  readonly write: (record: AccessRecord) => void;
};
