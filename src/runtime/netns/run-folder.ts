// What a pod's own /run and /etc begin with, read from this machine once.
import { existsSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import type { RunFolder } from '#runtime/netns/pause.ts';

/** Read in the namespaces from which pods are made. */
export function readRunFolder(): RunFolder {
  const entries = readdirSync('/run', { withFileTypes: true });
  return {
    folders: entries.filter((entry) => entry.isDirectory() && entry.name !== 'heddle').map(({ name }) => name),
    // Some systems keep the way to all programs here.
    links: entries.filter((entry) => entry.isSymbolicLink()).map(({ name }) => ({ name, target: readlinkSync(`/run/${name}`) })),
    resolv: realPath('/etc/resolv.conf') ?? '/etc/resolv.conf',
    hosts: realPath('/etc/hosts'),
    hostname: realPath('/etc/hostname'),
  };
}

function realPath(path: string): string | undefined {
  return existsSync(path) ? realpathSync(path) : undefined;
}
