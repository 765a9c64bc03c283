// The program of one embedded proxy, as `heddle up` starts it beside each workload.
import { readProxyArguments } from '#app/program-options.ts';
import { runProxyProcess } from '#app/proxy-process.ts';

const options = { ...readProxyArguments(process.argv.slice(2)), environment: process.env };
process.exit(await runProxyProcess(options, (line) => process.stderr.write(`heddle proxy: ${line}\n`)));
