// Every bench runs and gives a table: one short round each, which says nothing about speed.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findProgram } from '#bench/programs.ts';
import { netnsTest } from '#test/netns/netns-test.ts';

const main = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));
const noWrk = findProgram('wrk') === undefined ? 'needs wrk (Debian: apt-get install wrk)' : false;

function runBench(...names: readonly string[]): Promise<{ readonly stdout: string }> {
  return promisify(execFile)(process.execPath, [main, ...names, '--quick'], { encoding: 'utf8' });
}

test('the cost of a request and the memory after many are measured', { skip: noWrk }, async () => {
  const { stdout } = await runBench('request-cost', 'memory');
  assert.match(stdout, /^heddle +[\d.]+ /m);
  assert.match(stdout, /resident memory after \d+ requests: \d/);
});

test('the cost of many routes is measured', { skip: noWrk }, async () => {
  const { stdout } = await runBench('many-routes');
  assert.match(stdout, /10000 routes against 10: [\d.]+ x/);
});

test('the cost of mutual TLS is measured', { skip: noWrk }, async () => {
  const { stdout } = await runBench('mtls-pair');
  assert.match(stdout, /^heddle +[\d.]+ /m);
});

test('the time to start and the time to a change are measured, and no request is lost', async () => {
  const { stdout } = await runBench('ready-time', 'config-change');
  assert.match(stdout, /ready, median: [\d.]+ s/);
  assert.match(stdout, /effect p99: [\d.]+ ms/);
  assert.match(stdout, /failed requests: 0, .* met/);
});

netnsTest('what capture adds to a connection is measured', async () => {
  const { stdout } = await runBench('capture');
  assert.match(stdout, /^heddle +[\d.]+ /m);
  assert.match(stdout, /added to a new connection: -?[\d.]+ us/);
});

netnsTest('what a mesh of pods with networks of their own costs is measured', async () => {
  const { stdout } = await runBench('pod-network');
  for (const proxies of ['each', 'shared']) {
    assert.match(stdout, new RegExp(`^${proxies} +1 +[\\d.]+ `, 'm'));
    assert.match(stdout, new RegExp(`--proxies ${proxies}: all proxies and the control plane \\(PSS\\): [\\d.]+ MB`));
    assert.match(stdout, new RegExp(`--proxies ${proxies}: from a pod's start to its first request, median: [\\d.]+ ms`));
  }
});

test('an unknown name is refused with those that are known', async () => {
  await assert.rejects(runBench('speed'), (error: { readonly code: number; readonly stderr: string }) => {
    return error.code === 2 && /^unknown: speed\. Known: (?=.*\brequest-cost\b)(?=.*\bmany-routes\b)/m.test(error.stderr);
  });
});
