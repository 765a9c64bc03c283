// The program outside the mesh: listens on 127.0.0.1:9901, where nothing of the mesh looks at it, and says what reached it.
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  const via = request.headers['x-left-through'] ?? 'no gateway';
  response.end(`payments: ${request.url} for ${request.headers.host}, through ${String(via)}\n`);
});

server.listen(9901, '127.0.0.1', () => console.log('payments listens on 127.0.0.1:9901'));
