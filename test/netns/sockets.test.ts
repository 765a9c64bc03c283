// Sockets of a network that their process is not in: servers listen there, connections begin there, and the process stays where it is.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { namespaceSockets } from '#base/namespace-sockets.ts';
import { netnsTest } from '#test/netns/netns-test.ts';
import { startProcess } from '#test/support/start-process.ts';

netnsTest('sockets of another network: TCP and UDP, both families, from an address of theirs', async (outer) => {
  const [command = '', ...args] = outer;
  const stage = fileURLToPath(new URL('./sockets-stage.ts', import.meta.url));
  await using running = await startProcess({ command, args: [...args, 'sh', '-c', 'ulimit -n 200 && exec "$@"', 'sh', process.execPath, stage] });
  const { code } = await running.exited;
  assert.equal(code, 0, running.output());
  assert.equal(running.stderr(), '', 'no warning of the module that makes the calls');
  // What the stage prints.
  const found = JSON.parse(running.stdout()) as Readonly<Record<string, unknown>>;
  assert.deepEqual(found, {
    'TCP, IPv4': 'from 127.0.0.7 to 127.0.0.1:8081',
    'TCP, IPv6': 'from ::1 to ::1:8082',
    'a port of nobody': 'connect-failed: delayed connect error: Connection refused',
    UDP: 'from 127.0.0.1 to 127.0.0.1:5353',
    'from where the process is': 'ENETUNREACH',
    'metrics of an application': true,
    'a taken port': '127.0.0.1:8081 is in use by another process',
    'a taken port of DNS': 'DNS: 127.0.0.1:5353 (UDP) is in use by another process',
    'an address of nobody': '192.0.2.1:80 cannot be bound: EADDRNOTAVAIL',
    'too many files': 'connect-failed: no socket: EMFILE',
    'threads elsewhere': 0,
  });
});

netnsTest('a network that is not there is told', async () => {
  const none = namespaceSockets('/proc/self/ns/none');
  assert.match(none.ok ? '' : none.error, /^no sockets can be made in the network \/proc\/self\/ns\/none: ENOENT/);
});
