// Ports for many listeners of a program that is told its ports: below the range from which the kernel serves port 0 and outgoing
// connections, so that nobody takes one between the check and the bind.
import { createServer } from 'node:net';

const [lowest, highest] = [12_000, 19_999];
let next = lowest + Math.floor(Math.random() * (highest - lowest));

/** Different from each other and from those given before by this process; each was free a moment ago. */
export async function listenPorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    next = next >= highest ? lowest : next + 1;
    if (await isFree(next)) ports.push(next);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
