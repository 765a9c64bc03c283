import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPodOptions } from '#app/pod-options.ts';

test('what a proxy is told of its pod', () => {
  const read = readPodOptions({
    bindSource: '198.19.128.10, fd00::1',
    dns: '127.0.0.1:15053',
    dnsUpstream: '[fd00::2]:53',
    hostSockets: ['8080=3', '443=4'],
  });
  assert.deepEqual(read, {
    ok: true,
    value: {
      proxyAddresses: ['198.19.128.10', 'fd00::1'],
      dns: { listen: { address: '127.0.0.1', port: 15_053 }, upstream: { address: 'fd00::2', port: 53 } },
      hostSockets: [
        { port: 8080, socket: 3 },
        { port: 443, socket: 4 },
      ],
    },
  });
  const alone = readPodOptions({ dns: '127.0.0.1:15053', dnsUpstream: 'none' });
  assert.ok(alone.ok && alone.value.dns?.upstream === undefined);
});

test('each option that cannot be used is named', () => {
  const read = readPodOptions({ bindSource: '10.0.0.1,10.0.0.2', dns: 'localhost:53', hostSockets: ['8080', '0=3', '80=1', '70000=3'] });
  assert.deepEqual(read.ok ? [] : read.error, [
    '--bind-source takes one address of each family',
    '--dns localhost:53 is not ADDRESS:PORT',
    '--host-socket 8080 is not PORT=FD',
    '--host-socket 0=3 is not PORT=FD',
    '--host-socket 80=1 is not PORT=FD',
    '--host-socket 70000=3 is not PORT=FD',
  ]);
  const others = readPodOptions({ bindSource: 'pod', dnsUpstream: '10.0.0.1:53' });
  assert.deepEqual(others.ok ? [] : others.error, ['--bind-source pod is no IP address', '--dns-upstream goes with --dns']);
});
