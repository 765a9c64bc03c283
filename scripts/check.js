// `npm run check`: everything that must hold before a change goes in. Each step runs even where one before it failed, tests last, so that
// their summary is the last thing seen. Layers and cycles are tests (test/layers.test.ts).
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { readyUnderNode26, root } from './install-missing.js';

const steps = [
  { name: 'format', command: 'node_modules/.bin/biome', args: ['check', '--colors=off'], mend: 'npm run format' },
  { name: 'lint', command: 'node_modules/.bin/oxlint', args: ['--deny-warnings'] },
  { name: 'types', command: 'node_modules/.bin/tsc', args: ['-p', '.'] },
  { name: 'dead code', command: 'node_modules/.bin/knip', args: ['--no-progress'] },
  { name: 'tests', command: process.execPath, args: ['scripts/test.js'] },
];

if (readyUnderNode26(import.meta.url)) {
  const failed = steps.filter((step) => !passes(step));
  for (const { name, mend } of failed) process.stderr.write(`check failed: ${name}${mend === undefined ? '' : ` (mend with \`${mend}\`)`}\n`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

/** @param {{ name: string, command: string, args: string[] }} step */
function passes({ name, command, args }) {
  process.stdout.write(`\n== ${name}\n`);
  const started = performance.now();
  const { status } = spawnSync(command === process.execPath ? command : join(root, command), args, { cwd: root, stdio: 'inherit' });
  process.stdout.write(`== ${name}: ${status === 0 ? 'fine' : 'FAILED'}, ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
  return status === 0;
}
