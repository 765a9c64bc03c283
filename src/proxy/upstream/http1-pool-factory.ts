// HTTP/1.1 pools over whatever the connector gives: plain TCP or TLS.

import type { Http1Shared } from '#proxy/http1/server.ts';
import type { Connect } from '#proxy/upstream/connect.ts';
import { Http1Pool } from '#proxy/upstream/http1-pool.ts';
import type { PoolFactory } from '#proxy/upstream/pool-factory.ts';

/** Envoy's limits for responses: 60 KiB of head, 100 fields. */
const limits = { maxHeadBytes: 61_440, maxFields: 100 };

const readBytes = 65_536;

export function http1PoolFactory(connect: Connect, shared: Http1Shared): PoolFactory {
  const options = { ...shared, ...limits, readBuffer: Buffer.allocUnsafeSlow(readBytes) };
  return (cluster, endpoint, usage, announces) => new Http1Pool(cluster, endpoint, usage, connect, options, announces);
}
