// A socket that listens in another network than the proxy's, from whoever started it: what comes there is served as if it had come to the proxy's
// own port. How a gateway in a network of its own is reached from the machine it runs on.
import { createServer, type Socket } from 'node:net';

/**
 * `listening`: a descriptor, or Node's own object of one. Serves until it is closed; connections that are open then go on. Rejects where it does not
 * listen.
 */
export function acceptFrom(listening: number | object, onConnection: (socket: Socket) => void): Promise<{ readonly close: () => void }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, onConnection);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(typeof listening === 'number' ? { fd: listening } : listening, () => {
      server.off('error', reject);
      // Running out of file descriptors while accepting must not end the process.
      server.on('error', () => {});
      resolve({ close: () => void server.close() });
    });
  });
}
