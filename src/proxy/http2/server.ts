// The HTTP/2 downstream codec: a socket (plain with prior knowledge, or TLS with ALPN h2) in, ServerStreams out. Node's session does the framing.
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { ServedConnection, ServerCodec } from '#proxy/http/server-codec.ts';
import type { RequestRefusal } from '#proxy/http/stream.ts';
import { errorCode } from '#proxy/http2/reset-codes.ts';
import { Http2ServerStream, rawList } from '#proxy/http2/server-stream.ts';

export type Http2ServerOptions = {
  /** SETTINGS_MAX_CONCURRENT_STREAMS; Envoy's default is 2^31-1, here 1024. */
  readonly maxConcurrentStreams?: number;
  /** Bytes of all fields of a request together (max_request_headers_kb); 60 KB by default. */
  readonly maxHeaderBytes?: number;
  /** Number of fields of a request; 100 by default. */
  readonly maxHeaders?: number;
  /** A session without streams closes after this; 0: never. */
  readonly idleTimeoutMs?: number;
  /** WebSockets may come by extended CONNECT (RFC 8441; allow_connect). */
  readonly allowConnect?: boolean;
};

const streamWindowBytes = 256 * 1024;
const sessionWindowBytes = 1024 * 1024;

/** RFC 9113. Without `allowConnect` extended CONNECT is not announced, and the session refuses a WebSocket. */
export function http2ServerCodec(options: Http2ServerOptions): ServerCodec {
  const maxHeaderBytes = options.maxHeaderBytes ?? 60 * 1024;
  const sessionOptions = {
    settings: {
      maxConcurrentStreams: options.maxConcurrentStreams ?? 1024,
      initialWindowSize: streamWindowBytes,
      maxHeaderListSize: maxHeaderBytes,
      enablePush: false,
      ...(options.allowConnect === true ? { enableConnectProtocol: true } : {}),
    },
    // Pseudo fields count as well.
    maxHeaderListPairs: (options.maxHeaders ?? 100) + 4,
    maxSendHeaderBlockLength: 256 * 1024,
  };
  return (socket, connection, handler) => {
    // Loaded with the first connection that speaks HTTP/2.
    const session = process.getBuiltinModule('node:http2').performServerHandshake(socket, sessionOptions);
    return serve(session, socket, options.idleTimeoutMs ?? 0, (stream, flags, raw, onClosed) => {
      const request = new Http2ServerStream(stream, raw, flags, connection);
      const refusal = refuse(request, raw, maxHeaderBytes);
      if (refusal === undefined) handler.onRequest(request);
      else handler.onRefused(request, refusal);
      request.start(onClosed);
    });
  };
}

/** nghttp2 has refused what is malformed; node announces the largest head but takes a larger one. */
function refuse({ request }: Http2ServerStream, raw: readonly string[], maxHeaderBytes: number): RequestRefusal | undefined {
  if (request.authority === '' || (request.path === '' && request.method !== 'CONNECT')) {
    return { status: 400, flag: 'DPE', details: 'http2.violation.of.messaging.rule' };
  }
  let size = 0;
  for (const text of raw) size += text.length;
  return size > maxHeaderBytes ? { status: 431, flag: 'DPE', details: 'http2.headers_too_large' } : undefined;
}

type OpenStream = (stream: ServerHttp2Stream, flags: number, raw: readonly string[], onClosed: () => void) => void;

function serve(session: ServerHttp2Session, socket: Socket, idleTimeoutMs: number, open: OpenStream): ServedConnection {
  let active = 0;
  let draining = false;
  const onClosed = (): void => {
    active--;
    if (active === 0 && draining && !session.destroyed) session.close();
  };
  session.on('error', ignoreError);
  session.setLocalWindowSize(sessionWindowBytes);
  session.on('stream', (stream: ServerHttp2Stream, _headers: unknown, flags: number, raw: unknown) => {
    active++;
    open(stream, flags, rawList(raw), onClosed);
  });
  // A client that sends GOAWAY keeps its streams; the connection ends with the last of them.
  session.on('goaway', () => {
    draining = true;
    if (active === 0 && !session.destroyed) session.close();
  });
  if (idleTimeoutMs > 0) {
    session.setTimeout(idleTimeoutMs, () => {
      if (active === 0) session.close();
    });
  }
  return {
    get activeRequests() {
      return active;
    },
    drain: () => {
      if (draining || session.destroyed) return;
      draining = true;
      // Graceful: streams that are on their way are still served (RFC 9113 section 6.8); close() sends GOAWAY with the last one taken.
      session.goaway(errorCode.none, 2 ** 31 - 1);
      setImmediate(() => {
        if (!session.destroyed) session.close();
      });
    },
    destroy: () => {
      if (!session.destroyed) session.destroy();
      socket.destroy();
    },
  };
}

function ignoreError(): void {
  // Every stream of the session gets its own 'close'.
}
