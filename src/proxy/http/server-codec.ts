// What a listener starts on a connection once it knows the protocol: a codec that turns the socket's bytes into ServerStreams.
import type { Socket } from 'node:net';
import type { DownstreamConnection, RequestHandler } from '#proxy/http/stream.ts';

/** A connection being served. */
export type ServedConnection = {
  readonly activeRequests: number;
  /** No new requests: HTTP/1.1 closes after the response under way, HTTP/2 sends GOAWAY. `connection.draining` must be true by then. */
  readonly drain: () => void;
  /** Closes at once; streams under way get `onReset`. */
  readonly destroy: () => void;
};

/**
 * Takes over the socket (plain or TLS, paused, bytes that were looked at already unshifted). The codec handles every event of the
 * socket from here on, errors included, and closes it.
 */
export type ServerCodec = (socket: Socket, connection: DownstreamConnection, handler: RequestHandler) => ServedConnection;
