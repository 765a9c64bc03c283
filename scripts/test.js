// `npm test [-- FILES…]`: installs what is missing, then unit and golden tests in one process and each scenario file in one of its own,
// all under Node 26. `--update` rewrites the goldens. The last line counts all runs; skipped tests are said aloud with their reason.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readyUnderNode26, root } from './install-missing.js';

/** What makes namespaces and their rules is an administrator's (ip, nft), and not on everybody's PATH. */
const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

// Order: what fails fastest and explains most comes first.
const runs = [
  {
    name: 'unit and golden tests',
    options: ['--test-isolation=none'],
    files: ['src/**/*.test.ts', 'test/*.test.ts', 'test/!(scenario|package)/**/*.test.ts'],
  },
  { name: 'scenarios', options: ['--test-concurrency=2', '--test-timeout=900000'], files: ['test/scenario/**/*.test.ts'] },
];

/** @param {{ name: string, options: string[], files: string[] }} run */
function runTests({ name, options, files }, folder) {
  process.stdout.write(`\n# ${name}\n`);
  const tally = join(folder, 'tally.json');
  rmSync(tally, { force: true });
  const reporters = [
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=./scripts/tally.js',
    `--test-reporter-destination=${tally}`,
  ];
  const { status } = spawnSync(process.execPath, ['--test', ...options, ...reporters, ...files], { cwd: root, stdio: 'inherit', env: environment });
  return { ok: status === 0, ...readTally(tally) };
}

function readTally(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, skipped: 0, reasons: {}, names: [] }; // the run died before it could count
  }
}

/** The listing of features promises tests by name: those that no run had are said, one a line. */
async function unshownFeatures(results) {
  const { readFeatures, splitTest } = await import('../test/support/features.ts');
  const ran = new Set(results.flatMap(({ names }) => names));
  const unshown = readFeatures().flatMap(({ name, features }) =>
    features.flatMap(({ feature, tests }) =>
      tests.filter((test) => !ran.has(splitTest(test)?.name)).map((test) => `${name}: ${feature}: no test '${test}' ran`),
    ),
  );
  for (const line of unshown) process.stdout.write(`${line}\n`);
  return unshown;
}

function report(results) {
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  const reasons = new Map();
  for (const result of results) for (const [reason, count] of Object.entries(result.reasons)) reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  process.stdout.write('\n');
  for (const [reason, count] of reasons) process.stdout.write(`*** ${count} test(s) SKIPPED: ${reason} ***\n`);
  process.stdout.write(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped\n`);
}

if (readyUnderNode26(import.meta.url)) {
  const given = process.argv.slice(2);
  if (given.includes('--update')) process.env.UPDATE_GOLDENS = '1';
  const files = given.filter((word) => !word.startsWith('--'));
  const options = given.filter((word) => word.startsWith('--') && word !== '--update');
  const folder = mkdtempSync(join(tmpdir(), 'heddle-tally-'));
  try {
    const wanted = files.length === 0 ? runs : [{ name: files.join(' '), options: [], files }];
    const results = wanted.map((run) => runTests({ ...run, options: [...run.options, ...options] }, folder));
    report(results);
    const listed = files.length === 0 ? await unshownFeatures(results) : [];
    process.exitCode = listed.length === 0 && results.every(({ ok, failed }) => ok && failed === 0) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
