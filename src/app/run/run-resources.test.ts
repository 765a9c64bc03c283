import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunRequest } from '#admin/client/run-messages.ts';
import { readText } from '#api/read-text.ts';
import { runResources } from '#app/run/run-resources.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';

const yaml = `
apiVersion: v1
kind: Service
metadata: { name: hello, namespace: default }
spec: { selector: { app: hello, tier: web }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: named, namespace: default }
spec: { selector: { app: named }, ports: [{ name: http, port: 80, targetPort: web }] }
---
apiVersion: v1
kind: Service
metadata: { name: several, namespace: shop }
spec: { selector: { app: several }, ports: [{ name: http, port: 80, targetPort: 8080 }, { name: grpc, port: 90 }] }
---
apiVersion: v1
kind: Service
metadata: { name: outside, namespace: shop }
spec: { ports: [{ name: http, port: 80 }] }
`;
const { resources } = new MemorySource(readText('mesh.yaml', yaml).items.flatMap(({ resource }) => resource ?? [])).current();

function joined(request: Partial<RunRequest>, network: 'loopback' | 'netns' = 'netns') {
  const whole: RunRequest = { workload: 'dev', namespace: 'default', labels: {}, command: ['node', 'x.js'], cwd: '/', ...request };
  return runResources(whole, resources, new Set(['default/hello-v1']), network);
}

function fault(request: Partial<RunRequest>): unknown {
  const made = joined(request);
  return made.ok ? made.value : [made.error.status, made.error.error, made.error.hint];
}

void test('a workload of a Service has its labels and listens where it sends', () => {
  const made = joined({ service: 'hello', labels: { version: 'v3' } });
  assert.ok(made.ok);
  const { pod, service } = made.value;
  assert.equal(service, undefined);
  assert.deepEqual(pod.metadata.labels, { app: 'hello', tier: 'web', version: 'v3' });
  assert.equal(pod.spec.serviceAccountName, 'dev');
  assert.deepEqual(pod.spec.containers[0]?.ports, [{ containerPort: 8080, name: 'served' }]);
  assert.equal(pod.spec.containers[0]?.readinessProbe?.tcpSocket?.port, 8080);
  assert.equal(pod.origins.start.file, 'heddle run --workload dev');
});

void test('a port that a Service calls by name is wherever the command listens', () => {
  const made = joined({ service: 'named', port: 3000 });
  assert.ok(made.ok);
  assert.deepEqual(made.value.pod.spec.containers[0]?.ports, [{ containerPort: 3000, name: 'web' }]);
});

void test('a Service that does not exist is made', () => {
  const made = joined({ service: 'cart', port: 7000, protocol: 'grpc', serviceAccount: 'shopper' });
  assert.ok(made.ok);
  const { pod, service } = made.value;
  assert.deepEqual(service?.spec, { selector: { app: 'cart' }, ports: [{ name: 'grpc', port: 7000, targetPort: 7000 }] });
  assert.deepEqual(pod.metadata.labels, { app: 'cart' });
  assert.equal(pod.spec.serviceAccountName, 'shopper');
});

void test('without a Service it takes no requests, and is told HOST where all share one address', () => {
  const made = joined({}, 'loopback');
  assert.ok(made.ok);
  const [container] = made.value.pod.spec.containers;
  assert.equal(container?.readinessProbe, undefined);
  assert.deepEqual(container?.env, [{ name: 'HOST', value: '127.0.0.1' }]);
  assert.deepEqual(made.value.pod.metadata.labels, { app: 'dev' });
});

void test('what is wrong with a request is said with what to do', () => {
  const listens = 'let the command listen where it sends: --port 8080';
  assert.deepEqual(fault({ workload: 'hello-v1' }), [
    409,
    'there is a workload hello-v1 in namespace default already',
    'take another name, or end that one',
  ]);
  assert.deepEqual(fault({ workload: 'No_Name' })?.toString().slice(0, 23), "400,'No_Name' is no nam");
  assert.deepEqual(fault({ namespace: 'shpo' }), [404, 'the mesh knows no namespace shpo', 'did you mean shop?']);
  assert.deepEqual(fault({ service: 'helo' }), [
    404,
    'there is no Service helo in namespace default',
    'did you mean hello? To make it, say where the command listens: --port',
  ]);
  assert.deepEqual(fault({ service: 'hello', port: 80 }), [409, 'Service hello does not send to port 80: it sends 80 to 8080', listens]);
  assert.deepEqual(fault({ namespace: 'shop', service: 'several' }), [
    400,
    'where does the command listen? Service several sends 80 to 8080, 90 to 90',
    'say it: --port',
  ]);
  assert.deepEqual(fault({ namespace: 'shop', service: 'outside', port: 80 }), [
    409,
    'Service outside selects no pods: its endpoints are written by hand',
    'name another Service',
  ]);
});
