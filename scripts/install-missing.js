// Makes a clone ready to run, from any Node >= 20: what is installed already stays, what is missing or out of date is installed.
// Plain JavaScript without a dependency, because it runs before there is one.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { continueUnder, findNode26, isNode26 } from '../bin/node26.js';

export const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = join(root, 'node_modules/.cache/heddle/installed');

/** Written by the `prepare` script, which ends each `npm ci` and `npm install`: which lockfile node_modules was made from. */
export function markInstalled() {
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, lockfileHash());
}

/** `npm ci` where node_modules is absent or from another lockfile; `npm rebuild node` where only Node's executable is gone. */
export function installMissing() {
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lockfileHash()) npm(['ci']);
  if (findNode26(root) === undefined) npm(['rebuild', 'node']);
  if (!existsSync(join(root, 'src/envoy/gen/.inputs'))) npm(['run', 'prepare']);
}

/**
 * Goes on only under Node 26, with everything installed: another Node installs and then runs the same script again under the right one.
 * @param {string} script `import.meta.url` of the caller
 * @returns {boolean} false where the other process took over
 */
export function readyUnderNode26(script) {
  installMissing();
  if (isNode26()) return true;
  const node = findNode26(root);
  if (node === undefined) throw new Error('npm installed no Node 26: is its install script allowed to run?');
  continueUnder(node, [fileURLToPath(script), ...process.argv.slice(2)]);
  return false;
}

/** @param {string[]} args */
function npm(args) {
  process.stderr.write(`npm ${args.join(' ')} …\n`);
  const { status } = spawnSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  process.stderr.write(`npm ${args.join(' ')} failed: what it says above is the reason\n`);
  process.exit(status ?? 1);
}

function lockfileHash() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}
