// How the embedded proxy is started as a program of its own: the file, and the flags of Node that keep it small.
import module from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * Young generation of 2 MB, so that garbage does not spread before it is collected; one worker thread for V8; and optimising compilation on the
 * main thread, where it reuses its memory (concurrent jobs keep some 15 MB that they will hardly need again); an old generation that is collected when
 * it has grown by 40 %; no mid-tier compiler, whose code and data are some 2 MB beside those of the last tier. Measured: together some 5 % more CPU per request.
 */
const nodeFlags: readonly string[] = [
  '--max-semi-space-size=2',
  '--v8-pool-size=1',
  '--no-concurrent-recompilation',
  '--heap-growing-percent=40',
  '--no-maglev',
  '--no-sparkplug',
];

/**
 * Arguments for Node before the proxy's own: of the program of one proxy, or of that which takes orders for any number of them. It stands beside this
 * file in the same form: TypeScript in a clone, else JavaScript.
 */
export function proxyProgram(which: 'each' | 'shared' = 'each'): readonly string[] {
  // Written out, so that the search for dead code finds the files.
  const inClone = which === 'each' ? new URL('./proxy-main.ts', import.meta.url) : new URL('./shared-proxies-main.ts', import.meta.url);
  const inPackage = which === 'each' ? new URL('./proxy-main.js', import.meta.url) : new URL('./shared-proxies-main.js', import.meta.url);
  return [...nodeFlags, fileURLToPath(import.meta.url.endsWith('.ts') ? inClone : inPackage)];
}

/**
 * The environment with what the proxy needs added: the folder of compiled code that this process uses, and glibc's malloc with one arena for all
 * threads that gives freed memory back at once (some MB after start-up).
 */
export function proxyEnvironment(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const cache = module.getCompileCacheDir();
  const out: Record<string, string> = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' };
  for (const [name, value] of Object.entries(environment)) if (value !== undefined) out[name] = value;
  if (cache !== undefined) out['NODE_COMPILE_CACHE'] = cache;
  return out;
}
