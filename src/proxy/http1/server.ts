// The HTTP/1.1 codec as listeners start it, from the connection manager's settings.
import type { HttpManagerEntry } from '#decide/listener-entry.ts';
import type { ServerCodec } from '#proxy/http/server-codec.ts';
import type { FieldNames } from '#proxy/http1/field-names.ts';
import { type Http1ServerOptions, ServerConnection } from '#proxy/http1/server-connection.ts';
import type { WriteBatch } from '#proxy/http1/write-batch.ts';
import type { TimerWheel } from '#proxy/timer-wheel.ts';

/** What all HTTP/1.1 connections of a proxy share, upstream ones included. */
export type Http1Shared = { readonly names: FieldNames; readonly batch: WriteBatch; readonly wheel: TimerWheel };

/** differs from Envoy: it waits for a head for ever unless request_headers_timeout is set; here a head has to be complete within a minute. */
const defaultHeadersTimeoutMs = 60_000;

export function http1ServerCodec(entry: HttpManagerEntry, shared: Http1Shared): ServerCodec {
  const options = (scheme: 'http' | 'https'): Http1ServerOptions => ({
    ...shared,
    rules: {
      maxHeadBytes: entry.maxRequestHeadersKb * 1024,
      maxFields: entry.maxHeadersCount,
      acceptHttp10: entry.acceptHttp10,
      defaultHostForHttp10: entry.defaultHostForHttp10,
      scheme,
    },
    requestHeadersTimeoutMs: entry.requestHeadersTimeoutMs > 0 ? entry.requestHeadersTimeoutMs : defaultHeadersTimeoutMs,
    idleTimeoutMs: entry.idleTimeoutMs,
    delayedCloseTimeoutMs: entry.delayedCloseTimeoutMs > 0 ? entry.delayedCloseTimeoutMs : 1,
    maxRequestsPerConnection: entry.maxRequestsPerConnection,
    maxConnectionDurationMs: entry.maxConnectionDurationMs,
  });
  const plain = options('http');
  const secure = options('https');
  return (socket, connection, handler) => new ServerConnection(socket, connection, handler, connection.tls ? secure : plain);
}
