// A TCP port that nothing listens on. For programs that cannot take port 0; whoever can, should.
import { createServer } from 'node:net';

/** A port of 127.0.0.1 that was free a moment ago. The kernel hands out each in turn, so two callers rarely get the same. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
