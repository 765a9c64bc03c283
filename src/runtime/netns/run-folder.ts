// What a pod's own /run and /etc begin with, read from this machine once.
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
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
    nameSwitch: readNameSwitch('/etc/nsswitch.conf'),
  };
}

function readNameSwitch(file: string): RunFolder['nameSwitch'] {
  const place = realPath(file);
  if (place === undefined) return undefined;
  const written = readFileSync(place, 'utf8');
  const text = lookUpByDns(written);
  return text === written ? undefined : { place, text };
}

/**
 * In: the text of nsswitch.conf. What a desktop asks before DNS (mDNS for all of `.local`, a resolver of the machine) knows nothing of the mesh and keeps
 * `cluster.local` from its name server; in a container there is none of it.
 */
export function lookUpByDns(text: string): string {
  return text.replace(/^([ \t]*hosts:[ \t]*).*$/m, '$1files dns');
}

function realPath(path: string): string | undefined {
  return existsSync(path) ? realpathSync(path) : undefined;
}
