// Requests over HTTP/2: many at a time on each of so many connections, as many as the server allows. Without TLS the server is known to speak it.
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { cutShortReason, failureReason, noAnswerReason } from '#app/load/failure-reason.ts';
import type { Sender } from '#app/load/generator.ts';
import type { LoadPlan } from '#app/load/load-plan.ts';
import type { Outcome } from '#app/load/tally.ts';
import type { Clock } from '#base/clock.ts';

/** Until the server has said how many it takes (RFC 9113, 6.5.2 recommends at least this). */
const usualStreams = 100;
const mostStreams = 1000;

type Connection = { readonly session: ClientHttp2Session; open: number };

export function http2Sender(plan: LoadPlan, clock: Pick<Clock, 'after'>): Sender {
  const { connections, timeoutMs, body } = plan;
  const headers = headersOf(plan);
  const pool: (Connection | undefined)[] = Array.from({ length: connections });
  const free = (): number => pool.reduce((sum, one) => sum + roomOf(one), 0);
  /** The one with the most room; a place without a connection gets one. */
  const take = (): Connection => {
    const rooms = pool.map(roomOf);
    const place = rooms.indexOf(Math.max(...rooms));
    const known = pool[place];
    if (known !== undefined && isUsable(known)) return known;
    const made: Connection = { session: connect(new URL(plan.url).origin, { rejectUnauthorized: plan.verify }), open: 0 };
    // Its streams say it, too.
    made.session.on('error', () => {});
    pool[place] = made;
    return made;
  };
  const send = (done: (outcome: Outcome) => void): void => {
    const connection = take();
    connection.open += 1;
    let isDone = false;
    const finish = (outcome: Outcome): void => {
      if (isDone) return;
      isDone = true;
      cancel();
      connection.open -= 1;
      done(outcome);
    };
    const stream = connection.session.request(headers, { endStream: body === undefined });
    const cancel = clock.after(timeoutMs, () => {
      finish({ kind: 'failure', reason: noAnswerReason });
      stream.close(constants.NGHTTP2_CANCEL);
    });
    readAnswer(stream, finish);
    if (body !== undefined) stream.end(body);
  };
  return { free, send, close: () => pool.forEach((one) => one?.session.destroy()) };
}

function readAnswer(stream: ClientHttp2Stream, finish: (outcome: Outcome) => void): void {
  let head: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  let bytes = 0;
  let reason: string | undefined;
  stream.on('response', (received) => (head = received));
  stream.on('trailers', (received) => (trailers = received));
  stream.on('data', (part: Buffer) => (bytes += part.length));
  stream.on('error', (error) => (reason = failureReason(error)));
  stream.on('close', () => {
    // A number wherever it is there: Node reads pseudo-headers.
    const status = Number(head[':status'] ?? 0);
    if (reason !== undefined || status === 0 || stream.rstCode !== constants.NGHTTP2_NO_ERROR)
      finish({ kind: 'failure', reason: reason ?? cutShortReason });
    else finish(answerOf(status, { ...head, ...trailers }, bytes));
  });
}

/** Of gRPC it is the status in the trailers that says how a call went. */
function answerOf(status: number, headers: IncomingHttpHeaders, bytes: number): Outcome {
  const grpc = headers['grpc-status'];
  if (grpc !== undefined) return { kind: 'answer', label: `grpc-status ${String(grpc)}`, isGood: String(grpc) === '0', bytes };
  return { kind: 'answer', label: String(status), isGood: status >= 200 && status < 400, bytes };
}

function isUsable({ session }: Connection): boolean {
  return !session.closed && !session.destroyed;
}

function roomOf(connection: Connection | undefined): number {
  if (connection === undefined || !isUsable(connection)) return usualStreams;
  const { session, open } = connection;
  const allowed = session.connecting ? usualStreams : (session.remoteSettings.maxConcurrentStreams ?? usualStreams);
  return Math.max(0, Math.min(mostStreams, allowed) - open);
}

function headersOf({ url, headers: { host, ...headers }, method, body }: LoadPlan): OutgoingHttpHeaders {
  const { host: own, pathname, search, protocol } = new URL(url);
  return {
    ':method': method,
    ':path': `${pathname}${search}`,
    ':scheme': protocol.slice(0, -1),
    ':authority': host ?? own,
    ...headers,
    ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
  };
}
