// The `grpc-timeout` header: digits and a unit (gRPC over HTTP/2, "Requests"), to and from milliseconds.

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds, rounded up; undefined where it is no timeout. */
export function parseGrpcTimeout(value: string | undefined): number | undefined {
  const [, digits, unit] = value === undefined ? [] : (/^\s*(\d{1,8})([HMSmun])$/.exec(value) ?? []);
  const scale = unit === undefined ? undefined : unitMs[unit];
  return scale === undefined ? undefined : Math.ceil(Number((Number(digits) * scale).toFixed(6)));
}

const largest = 99_999_999;

/** In the finest unit, milliseconds at best, whose number fits. */
export function formatGrpcTimeout(timeoutMs: number): string {
  if (timeoutMs <= largest) return `${timeoutMs}m`;
  const seconds = Math.floor(timeoutMs / 1000);
  if (seconds <= largest) return `${seconds}S`;
  const minutes = Math.floor(seconds / 60);
  return minutes <= largest ? `${minutes}M` : `${Math.min(largest, Math.floor(minutes / 60))}H`;
}
