// The capture tests themselves: three pods in namespaces, a control plane on the node, a proxy of the kind that the first argument says beside two of
// them. Runs alone in an outer namespace and prints one line of JSON for each check; test/netns/capture.test.ts starts it.
import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { checks, type Stage } from '#test/netns/capture-checks.ts';
import { excluded, meshText, outsideHost, pods } from '#test/netns/mesh.ts';
import { nodeAddress, openNode, openPod, type TestPod } from '#test/netns/namespaces.ts';
import { serveNames } from '#test/netns/node-names.ts';
import { startPodProxy } from '#test/netns/pod-proxy.ts';
import { startHeddle } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const [envoy] = process.argv.slice(2);

await using folder = await temporaryFolder({ 'mesh/mesh.yaml': meshText() });
openNode();
const at = (name: string): string => join(folder.path, name);
const ports = ['--address', nodeAddress, '--xds-port', '0', '--admin-port', '0'];
await using controlPlane = await startHeddle(['control-plane', '--config', at('mesh'), '--ca', at('ca'), ...ports], { ready: /^xDS on/ });
const annotate = (values: Readonly<Record<string, string>>) => ({
  annotations: Object.fromEntries(Object.entries(values).map(([name, value]) => [`traffic.sidecar.istio.io/${name}`, value])),
});
const callerRules = { excludeOutboundPorts: String(excluded.outboundPort), excludeOutboundIPRanges: excluded.range };
using caller = await openPod({ ...pods.caller, ...annotate(callerRules) });
using server = await openPod({ ...pods.server, ...annotate({ excludeInboundPorts: String(excluded.inboundPort) }) });
await using _names = await serveNames(nodeAddress, { [outsideHost]: pods.plain.address });
using plain = await openPod(pods.plain);
const proxyOf = async (pod: TestPod) => {
  await using made = await startHeddle(['token', 'create', '-n', 'default', '--ca', at('ca'), '--to', at(`${pod.spec.name}.token`)]);
  assert.equal((await made.exited).code, 0, made.output());
  return await startPodProxy(pod, {
    envoy,
    target: `${nodeAddress}:15012`,
    tokenFile: at(`${pod.spec.name}.token`),
    rootsFile: at('ca/root-cert.pem'),
    folder: folder.path,
  });
};
await using callerProxy = await proxyOf(caller);
await using serverProxy = await proxyOf(server);
const stage: Stage = {
  plane: envoy === undefined ? 'embedded' : 'envoy',
  caller,
  server,
  plain,
  callerProxy,
  serverProxy,
  setMesh: async (options) => {
    // In one step, so that nobody reads half of it.
    const file = await folder.write('next.yaml', meshText(options));
    await rename(file, at('mesh/mesh.yaml'));
  },
};
for (const [name, check] of checks) {
  const startMs = performance.now();
  const error = await check(stage).then(
    () => undefined,
    (reason: unknown) => (reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)),
  );
  process.stdout.write(`${JSON.stringify({ name, ms: Math.round(performance.now() - startMs), error })}\n`);
}
if (process.env['HEDDLE_STAGE_OUTPUT'] !== undefined)
  process.stderr.write(`${controlPlane.output()}\n${callerProxy.output()}\n${serverProxy.output()}\n`);
