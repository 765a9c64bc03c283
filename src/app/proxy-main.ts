// The program of one embedded proxy, as `heddle up` starts it beside each workload.
import { closeSync, writeSync } from 'node:fs';
import { readProxyArguments } from '#app/program-options.ts';
import { runProxyProcess } from '#app/proxy-process.ts';
import { stopSignal } from '#app/proxy-process-options.ts';

const { readyDescriptor, ...options } = readProxyArguments(process.argv.slice(2));

function tellReady(): void {
  if (readyDescriptor === undefined) return;
  try {
    writeSync(readyDescriptor, '\n');
    closeSync(readyDescriptor);
  } catch {
    // Whoever wanted to know is gone.
  }
}

const warn = (line: string): void => void process.stderr.write(`heddle proxy: ${line}\n`);
process.exit(await runProxyProcess({ ...options, environment: process.env }, warn, { untilEnd: stopSignal, onReady: tellReady }));
