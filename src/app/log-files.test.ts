import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LogQuery, logFilesOf } from '#app/log-files.ts';

const files = [
  ...[
    'control-plane.log',
    'hello-v1.log',
    'hello-v1.log.starts',
    'hello-v1.proxy.log',
    'hello-v10.log',
    'hello-v1.shop.log',
    'hello-v1.shop.proxy.log',
  ],
  ...['web-0.app.log', 'web-0.helper.log', 'web-0.proxy.log', 'web-1.app.log', 'istio-ingressgateway-0.istio-system.proxy.log'],
];

test('a name means the containers of one pod, or of all pods of a controller', () => {
  for (const [query, expected] of [
    [{ name: 'hello-v1' }, ['hello-v1.log']],
    [{ name: 'pod/hello-v1' }, ['hello-v1.log']],
    [{ name: 'hello-v1.default' }, ['hello-v1.log']],
    [{ name: 'hello-v1', container: 'istio-proxy' }, ['hello-v1.proxy.log']],
    [{ name: 'hello-v1', container: 'hello' }, ['hello-v1.log']],
    [{ name: 'hello-v1', namespace: 'shop' }, ['hello-v1.shop.log']],
    [{ name: 'shop/hello-v1' }, ['hello-v1.shop.log']],
    [{ name: 'hello-v1.shop', container: 'istio-proxy' }, ['hello-v1.shop.proxy.log']],
    [{ name: 'web-0' }, ['web-0.app.log', 'web-0.helper.log']],
    [{ name: 'web-0', container: 'helper' }, ['web-0.helper.log']],
    [{ name: 'web-0', container: 'none' }, []],
    [{ name: 'deployment/web', container: 'app' }, ['web-0.app.log', 'web-1.app.log']],
    [{ name: 'istio-ingressgateway-0.istio-system' }, ['istio-ingressgateway-0.istio-system.proxy.log']],
    [{ name: 'control-plane' }, ['control-plane.log']],
    [{ name: 'nobody' }, []],
  ] satisfies [LogQuery, string[]][]) {
    assert.deepEqual(logFilesOf(files, query), expected, JSON.stringify(query));
  }
});
