// What a container's environment says of where to listen, which depends on the network its pod is in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KindMap, kindNames, type ResourcesByKind } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { containerEnvironment } from '#runtime/environment.ts';
import { readImageMap } from '#runtime/image-map.ts';
import { loopbackPod } from '#runtime/loopback-network.ts';
import type { PodNetwork } from '#runtime/network.ts';
import { planPods } from '#runtime/pod-plan.ts';

const pod = `
apiVersion: v1
kind: Pod
metadata: { name: app }
spec:
  containers: [{ name: app, image: "app:1", ports: [{ containerPort: 8080 }] ENV }]
`;

function onlyPod(resource: unknown): ResourcesByKind {
  // It was read from the text above.
  const one = resource as KindMap['Pod'];
  const all = Object.fromEntries(kindNames().map((kind) => [kind, new Map(kind === 'Pod' ? [['default/app', one]] : [])]));
  return all as unknown as ResourcesByKind; // filled for every kind, with resources of that kind only
}

/** HOST and PORT of a pod whose image map and whose own `env` say so. */
function places(network: Pick<PodNetwork, 'choosesPorts'>, host: string, env = ''): readonly (string | undefined)[] {
  const images = readImageMap('heddle.yaml', `images: { "app:1": { command: [run], env: { HOST: "${host}" } } }`);
  const resources = onlyPod(readText('in.yaml', pod.replace('ENV', env)).items[0]?.resource);
  const plan = planPods(resources, [images]).pods.get('default/app');
  assert.ok(plan?.containers[0] !== undefined);
  const ports = { address: '127.0.0.1', inbound: { 8080: { listen: 20_001, app: 20_002 } }, outbound: {} };
  const { variables } = containerEnvironment({
    plan,
    container: plan.containers[0],
    network: { ...loopbackPod(ports), ...network },
    resources,
    domain: 'cluster.local',
    inherited: {},
    nodeProgram: '/bin/node',
  });
  return [variables['HOST'], variables['PORT']];
}

test('on the loopback of this machine a program is told its port, and stays on the address of its image map', () => {
  assert.deepEqual(places({ choosesPorts: true }, '127.0.0.1'), ['127.0.0.1', '20002']);
});

test('in a pod with addresses of its own it listens where it is used to, and is not kept on 127.0.0.1 by its image map', () => {
  assert.deepEqual(places({ choosesPorts: false }, '127.0.0.1'), [undefined, undefined]);
  assert.deepEqual(places({ choosesPorts: false }, '0.0.0.0'), ['0.0.0.0', undefined]);
  assert.deepEqual(places({ choosesPorts: false }, '127.0.0.1', ', env: [{ name: HOST, value: 127.0.0.1 }]'), ['127.0.0.1', undefined]);
});
