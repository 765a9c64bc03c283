// Finds the Node 26 that the npm package `node` brings, and runs a script under it, from any Node >= 20. Plain JavaScript: it runs
// before anything newer is there, in a clone and in an installed package alike.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

const wantedMajor = 26;

/** Whether this very process is new enough to run the program. */
export function isNode26() {
  return major(process.versions.node) >= wantedMajor;
}

/**
 * The executable of the nearest package `node` in a node_modules of `folder` or above it, undefined where there is none that works.
 * @param {string} folder
 */
export function findNode26(folder) {
  return packagesAbove(folder)
    .filter((path) => major(JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')).version) >= wantedMajor)
    .map((path) => join(path, 'bin/node'))
    .find((file) => existsSync(file));
}

/**
 * What to type where findNode26 found nothing. The package puts its executable in place in an install script, which npm may have been
 * told to skip, and a later `npm install` can take the executable away again: then the package is there and its executable is not.
 * @param {string} folder
 */
export function howToMendNode(folder) {
  const [there] = packagesAbove(folder);
  if (there === undefined) return `needs Node ${wantedMajor}, which npm installs with it: run \`npm install\` in ${folder}`;
  return `the Node ${wantedMajor} that belongs to it is incomplete: run \`npm rebuild node\` in ${join(there, '../..')}`;
}

/**
 * Runs `node script args…` in this process's place: by execve where this Node has it, else as a child that gets this process's signals
 * and whose exit code becomes this process's own.
 * @param {string} node
 * @param {readonly string[]} args
 */
export function continueUnder(node, args) {
  if (typeof process.execve === 'function' && process.platform !== 'win32') process.execve(node, [node, ...args], process.env);
  // Who must not outlive us looks whether we are still its parent: SIGKILL is not passed on.
  const child = spawn(node, args, { stdio: 'inherit', env: { ...process.env, HEDDLE_LAUNCHER: String(process.pid) } });
  // Ctrl-C on a terminal reaches the child by itself, and twice would mean "at once, without draining".
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  process.on('SIGINT', () => onTerminal || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`cannot run ${node}: ${error.message}\n`);
    process.exit(2);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal ?? 'SIGKILL'] ?? 0)));
}

/** @param {string} folder */
function packagesAbove(folder) {
  const found = [];
  for (let at = folder, below = ''; at !== below; below = at, at = dirname(at)) {
    const path = join(at, 'node_modules/node');
    if (existsSync(join(path, 'package.json'))) found.push(path);
  }
  return found;
}

/** @param {string} version */
function major(version) {
  return Number(version.split('.')[0]);
}
