// examples/traffic/ingress: several hosts on one port, a redirect to https, an Ingress beside the Gateway, and a TCP port.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { inEachNetwork } from '#test/scenario/own-network.ts';
import { example } from '#test/scenario/up.ts';

inEachNetwork('ingress: hosts, paths, a redirect, an Ingress and a TCP port behind one gateway', async (start) => {
  await using up = await start({ path: example('traffic/ingress') });
  const body = async (host: string, path: string): Promise<string> => (await up.call(host, path)).body;
  assert.equal(await body('shop.example.com', '/'), 'shop /\n');
  assert.equal(await body('shop.example.com', '/journal/1'), 'blog /journal/1\n');
  assert.equal(await body('my.blog.example.com', '/'), 'blog /\n');
  const redirect = await up.call('secure.example.com', '/login');
  assert.deepEqual([redirect.status, redirect.headers['location']], [301, 'https://secure.example.com/login']);
  assert.equal(await body('old.example.com', '/shop/x'), 'shop /shop/x\n');
  assert.equal(await body('old.example.com', '/shopping'), 'old-site /shopping\n');
  assert.equal((await up.call('none.example.com')).status, 404);
  const { gatewayPorts = [] } = await up.state();
  assert.deepEqual(
    gatewayPorts.map(({ port, protocol }) => `${port} ${protocol}`),
    ['9000 tcp'],
  );
  assert.equal(await echo(gatewayPorts[0]?.address ?? '', 'hi\n'), 'echo: hi\n');
  const findings = up.events().flatMap(({ diagnostics = [] }) => diagnostics);
  assert.deepEqual(findings, [], 'the example is without a flaw');
});

/** Sends a line and takes the line that comes back. */
function echo(address: string, line: string): Promise<string> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port) });
    socket.setEncoding('utf8');
    socket.on('error', reject);
    socket.on('data', (answer: string) => {
      socket.destroy();
      resolve(answer);
    });
    socket.write(line);
  });
}
