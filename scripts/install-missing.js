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

/**
 * `npm ci` where node_modules lacks what the lockfile names; `npm rebuild node` where only Node's executable is gone. `npm ci` begins by taking
 * node_modules away from whatever runs: it is not run where the packages fit, as after an `npm install NAME`, which runs no `prepare`.
 */
export function installMissing() {
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lockfileHash()) npm(packagesFit() ? ['run', 'prepare'] : ['ci']);
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

/** Whether node_modules holds what the lockfile names, by what npm itself wrote down there; optional packages may be for other machines. */
function packagesFit() {
  const file = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(file)) return false;
  const installed = JSON.parse(readFileSync(file, 'utf8')).packages;
  const { '': _project, ...wanted } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    const found = installed[path];
    if (found === undefined) return optional === true;
    return found.version === version && found.integrity === integrity && existsSync(join(root, path, 'package.json'));
  });
}

function lockfileHash() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}
