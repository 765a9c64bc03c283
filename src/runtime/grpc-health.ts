// gRPC's health protocol (grpc.health.v1.Health/Check), just enough of it for a probe: one call, one byte of an answer.
// https://github.com/grpc/grpc/blob/master/doc/health-checking.md
import { connect } from 'node:http2';

type Outcome = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** HealthCheckResponse.status as it stands on the wire: field 1, varint, 1 = SERVING. */
const serving = Buffer.from([0x08, 0x01]);

/** Asks `host`:`port` whether `service` ('' for the server as a whole) serves. Rejects where there is no answer. */
export function askGrpcHealth(host: string, port: number, service: string, signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://${host}:${port}`);
    const finish = (run: () => void): void => {
      session.destroy();
      run();
    };
    session.on('error', (error) => finish(() => reject(error)));
    const stream = session.request(
      { ':method': 'POST', ':path': '/grpc.health.v1.Health/Check', 'content-type': 'application/grpc', te: 'trailers' },
      { signal },
    );
    const chunks: Buffer[] = [];
    let status = '';
    stream.on('response', (headers) => (status = String(headers['grpc-status'] ?? status)));
    stream.on('trailers', (trailers) => (status = String(trailers['grpc-status'] ?? status)));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', (error) => finish(() => reject(error)));
    stream.on('end', () => {
      const message = Buffer.concat(chunks).subarray(5);
      const isServing = status === '0' && message.equals(serving);
      finish(() => resolve(isServing ? { ok: true } : { ok: false, reason: status === '0' ? 'not serving' : `gRPC status ${status}` }));
    });
    stream.end(frameRequest(service));
  });
}

/** A length as protobuf has it: seven bits a byte, the lowest first. */
function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)];
}

/** HealthCheckRequest with `service` in field 1, behind gRPC's five bytes (not compressed, length). */
function frameRequest(service: string): Buffer {
  const name = Buffer.from(service, 'utf8');
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
