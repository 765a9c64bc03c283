// A proxy elsewhere: `heddle proxy` with a token, towards a control plane with an authority. It is who its token says, and nobody else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { example } from '#test/scenario/up.ts';
import { freePort } from '#test/support/free-port.ts';
import { httpCall } from '#test/support/http-call.ts';
import { startHeddle } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

void test('heddle proxy gets its certificate by a token, and no configuration under another name', async () => {
  await using folder = await temporaryFolder();
  const at = (name: string): string => `${folder.path}/${name}`;
  const ports = ['--xds-port', '0', '--secure-port', '0', '--admin-port', '0'];
  await using controlPlane = await startHeddle(['control-plane', '--config', example('hello'), '--ca', at('ca'), ...ports], { ready: /^xDS on/ });
  const [, secure = ''] = await controlPlane.waitForLine(/with TLS on ([\d.:]+)/);
  await using made = await startHeddle(['token', 'create', '-n', 'default', '--ca', at('ca'), '--to', at('token')]);
  assert.equal((await made.exited).code, 0, made.output());
  const files = ['--token-file', at('token'), '--ca-roots', at('ca/root-cert.pem')];
  const proxy = async (namespace: string, ready: RegExp) => {
    const adminPort = await freePort();
    const node = `router~10.0.0.9~vm.${namespace}~${namespace}.svc.cluster.local`;
    const args = ['proxy', '--xds', secure, '--node', node, '--metadata', JSON.stringify({ NAMESPACE: namespace }), ...files];
    return { adminPort, running: await startHeddle([...args, '--admin-port', String(adminPort)], { ready }) };
  };
  const good = await proxy('default', /info ready/);
  await using _good = good.running;
  assert.match((await httpCall({ port: good.adminPort, path: '/ready' })).body, /^LIVE/);
  const wrong = await proxy('other', /PERMISSION_DENIED: the node is of namespace other/);
  await using _wrong = wrong.running;
  assert.equal((await httpCall({ port: wrong.adminPort, path: '/ready' })).status, 503);
});
