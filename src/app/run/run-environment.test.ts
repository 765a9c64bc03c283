import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runEnvironment } from '#app/run/run-environment.ts';
import { addedVariables } from '#app/run/run-process.ts';

void test('the variables of a command are its own, and those of the mesh before them', () => {
  const own = {
    HOME: '/home/a',
    PATH: '/bin',
    PORT: '1',
    HTTP_PROXY: 'http://corporate',
    no_proxy: 'x',
    CART_SERVICE_HOST: '1.2.3.4',
    HEDDLE_LAUNCHER: '7',
  };
  assert.deepEqual(runEnvironment(own, { PORT: '20100', HTTP_PROXY: 'http://127.0.0.1:1' }), {
    HOME: '/home/a',
    PATH: '/bin',
    PORT: '20100',
    HTTP_PROXY: 'http://127.0.0.1:1',
  });
  assert.equal(runEnvironment(own, {})['PORT'], '1');
});

void test('the mesh gives what is its own, and none of the variables that it was started with', () => {
  const ofMesh = { SECRET: 'of who runs the mesh', PATH: '/node:/bin', CART_SERVICE_HOST: '198.19.0.1', HOSTNAME: 'debug' };
  assert.deepEqual(addedVariables(ofMesh, { SECRET: 'of who runs the mesh', PATH: '/bin', HOSTNAME: 'laptop' }), {
    CART_SERVICE_HOST: '198.19.0.1',
    HOSTNAME: 'debug',
  });
});
