// The control plane's port with TLS on an address for other machines: who comes there is asked for the same proof as on this machine.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { startControlPlane } from '#app/control-plane.ts';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { startWorkloadIdentity } from '#ca/client/client.ts';
import { type Authority, openAuthority } from '#ca/folder/authority.ts';
import { issueToken } from '#ca/token.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

/** Not the usual loopback address: nothing else of the control plane is there. */
const outsideAddress = '127.0.0.2';

function start(authority: Authority, port = 0) {
  const outside = { address: outsideAddress, port };
  const secure = { port: 0, authority, outside };
  return startControlPlane({ source: new MemorySource(), address: '127.0.0.1', port: 0, secure, logger: silentLogger, clock: systemClock });
}

function authorityIn(folder: string): Authority {
  const authority = openAuthority({ folder, clock: systemClock, logger: silentLogger });
  assert.ok(authority.ok);
  return authority.value;
}

async function namesAt(place: string): Promise<string> {
  const [host = '', port = ''] = place.split(':');
  const socket = connectTls({ host, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  const names = socket.getPeerX509Certificate()?.subjectAltName ?? '';
  socket.destroy();
  return names;
}

void test('a workload of another machine gets its certificate there, and the control plane is named by that address', async () => {
  await using folder = await temporaryFolder();
  using authority = authorityIn(join(folder.path, 'ca'));
  const controlPlane = await start(authority);
  assert.ok(controlPlane.ok);
  await using running = controlPlane.value;
  const target = running.outside ?? '';
  assert.match(target, /^127\.0\.0\.2:\d+$/);
  assert.ok((await namesAt(target)).includes(`IP Address:${outsideAddress}`));
  const [tokenFile, rootsFile] = [join(folder.path, 'token'), join(folder.path, 'roots.pem')];
  const identity = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'far' };
  writeFileSync(tokenFile, (await issueToken(authority.content().tokenKey, { identity }, 60_000, Date.now())).reveal());
  writeFileSync(rootsFile, authority.content().set.roots);
  await using workload = startWorkloadIdentity({ target, rootsFile, tokenFile, logger: silentLogger, clock: systemClock, random: Math.random });
  await waitUntil('the certificate', () => workload.current() !== undefined);
  assert.equal(workload.current()?.identity, 'spiffe://cluster.local/ns/default/sa/far');
});

void test('a port that is taken is said, and nothing stays open', async () => {
  await using folder = await temporaryFolder();
  using authority = authorityIn(join(folder.path, 'ca'));
  const holder = createServer().listen(0, outsideAddress);
  await once(holder, 'listening');
  const bound = holder.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  const refused = await start(authority, port);
  assert.equal(!refused.ok && refused.error.message, `cannot listen on 127.0.0.2:${port} for other machines: another program listens there`);
  holder.close();
});
