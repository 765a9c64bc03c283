#!/usr/bin/env node
// The command `heddle` under any Node >= 20: runs the program under the Node 26 that comes with the npm package `node`. In a clone the
// program is src/cli/main.ts, in an installed package dist/cli/main.js. Already under Node 26 there is no second process.
import { existsSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { continueUnder, findNode26, howToMendNode, isNode26 } from './node26.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'src/cli/main.ts');
const isClone = existsSync(source);

/** What V8 compiled (and, in a clone, what the type stripper made) is kept between runs, which more than halves the time to start. */
function keepCompiledCode() {
  if (process.env.NODE_COMPILE_CACHE !== undefined) return;
  const userCache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  module.enableCompileCache(isClone ? join(root, 'node_modules/.cache/heddle') : join(userCache, 'heddle/compiled'));
}

/** Whoever read our output has gone (`heddle logs -f | head`): end as if told to, which lets a running mesh drain. */
function endWithReader() {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error) => {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EPIPE') throw error;
      process.kill(process.pid, 'SIGTERM');
    });
  }
}

if (isNode26()) {
  keepCompiledCode();
  endWithReader();
  const program = await import(pathToFileURL(isClone ? source : join(root, 'dist/cli/main.js')).href);
  process.exitCode = await program.main(process.argv.slice(2));
} else {
  const node = findNode26(root);
  if (node === undefined) {
    process.stderr.write(`heddle: ${howToMendNode(root)}\n`);
    process.exitCode = 2;
  } else {
    continueUnder(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)]);
  }
}
