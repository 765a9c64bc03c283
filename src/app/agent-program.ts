// How the agent of an Envoy is started as a program of its own: the file, and the flags of Node that keep it small.
import { fileURLToPath } from 'node:url';

/** As for the embedded proxy, whose flags say why; an agent has next to nothing to do once its Envoy runs. */
const nodeFlags: readonly string[] = [
  '--max-semi-space-size=1',
  '--v8-pool-size=1',
  '--no-concurrent-recompilation',
  '--no-maglev',
  '--no-sparkplug',
];

/** Arguments for Node before the agent's own. The program stands beside this file in the same form: TypeScript in a clone, else JavaScript. */
export function agentProgram(): readonly string[] {
  // Written out, so that the search for dead code finds the file.
  const inClone = new URL('./agent-main.ts', import.meta.url);
  const file = import.meta.url.endsWith('.ts') ? inClone : new URL('./agent-main.js', import.meta.url);
  return [...nodeFlags, fileURLToPath(file)];
}
