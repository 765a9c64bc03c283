import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MeshState } from '#app/mesh-state.ts';
import { eventLines } from '#cli/event-line.ts';
import type { Paint } from '#cli/style.ts';

const same = (text: string): string => text;
const plain: Paint = { good: same, bad: same, warn: same, dim: same, strong: same };

const state: MeshState = {
  version: 1,
  pid: 1,
  started: '',
  phase: 'ready',
  dataPlane: 'embedded',
  network: 'netns',
  paths: ['mesh'],
  gatewayUrl: 'http://127.0.0.1:8080',
  adminUrl: 'http://127.0.0.1:15000',
  workloads: [
    {
      name: 'hello-v1',
      namespace: 'default',
      version: 'v1',
      phase: 'Running',
      ready: true,
      reason: '',
      restarts: 0,
      address: '127.0.0.1:20001',
      ports: {},
      logs: [],
    },
    {
      name: 'db',
      namespace: 'data',
      version: '',
      phase: 'Running',
      ready: false,
      reason: 'main: exit code 1',
      restarts: 3,
      address: '',
      ports: {},
      logs: [],
    },
  ],
  processes: [],
};

test('the table, the addresses, and a line to try', () => {
  assert.equal(
    eventLines({ kind: 'mesh ready', state, afterMs: 1234, tryLine: 'curl http://127.0.0.1:8080/' }, plain, false),
    [
      '',
      'WORKLOAD          VERSION  READY                               ADDRESS',
      'hello-v1.default  v1       yes                                 127.0.0.1:20001',
      'db.data           -        no (restarts: 3) main: exit code 1  -',
      '',
      'gateway  http://127.0.0.1:8080',
      'admin    http://127.0.0.1:15000',
      'try      curl http://127.0.0.1:8080/',
      '',
      'ready    after 1.2 s. Files are watched; Ctrl-C ends everything.',
    ].join('\n'),
  );
});

test('an end is told with its last lines and a hint', () => {
  const event = {
    kind: 'exited',
    workload: 'default/app',
    container: 'main',
    how: 'exit code 3',
    lastLines: ['no database'],
    logFile: 'app.log',
    hint: 'start one',
  } as const;
  assert.equal(
    eventLines(event, plain, true),
    'ended    default/app (main): exit code 3\n         its last lines, from app.log:\n         | no database\n         hint start one',
  );
});

test('starts and readiness are news only when the table has been shown', () => {
  const event = { kind: 'ready', workload: 'default/app', afterMs: 5 } as const;
  assert.equal(eventLines(event, plain, false), '');
  assert.equal(eventLines(event, plain, true), 'ready    default/app after 5 ms');
});

test('a denial says who asked for what, and where the rule stands', () => {
  const event = { kind: 'denied', workload: 'web', why: 'denied by policy shop/closed, rule 0', at: 'a.yaml:7:7', more: 0 } as const;
  assert.equal(
    eventLines({ ...event, asked: 'GET a/ from 127.0.0.1:1' }, plain, true),
    'denied   web: GET a/ from 127.0.0.1:1: denied by policy shop/closed, rule 0 (a.yaml:7:7)',
  );
  assert.equal(eventLines({ ...event, more: 3 }, plain, true), 'denied   web: 3 more: denied by policy shop/closed, rule 0 (a.yaml:7:7)');
});

test('what has changed is named as users write it', () => {
  assert.equal(
    eventLines({ kind: 'configuration', changed: ['VirtualService/istio-system/hello'] }, plain, true),
    'changed  VirtualService istio-system/hello',
  );
});
