// The program of the agent of one Envoy, as `heddle up` starts it in the network of a pod.
import { runEnvoyAgent } from '#app/envoy-agent.ts';
import { readAgentArguments } from '#app/program-options.ts';

const { binary, workFolder, concurrency, ...options } = readAgentArguments(process.argv.slice(2));
const warn = (line: string): void => void process.stderr.write(`heddle agent: ${line}\n`);
if (binary === undefined || workFolder === undefined) {
  warn('needs --envoy PROGRAM and --work-folder FOLDER');
  process.exit(2);
}
process.exit(await runEnvoyAgent({ ...options, environment: process.env }, warn, { binary, workFolder, concurrency }));
