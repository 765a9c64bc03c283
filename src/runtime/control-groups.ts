// Limits of CPU and memory of containers, by control groups (cgroup v2) where this user may make them. Files and folders below /sys/fs/cgroup are the
// kernel's interface: https://docs.kernel.org/admin-guide/cgroup-v2.html. What an earlier start left there is removed.
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Container } from '#api/kubernetes/container.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { ProcessSpec } from '#runtime/child-process.ts';
import { processStart } from '#runtime/leftovers.ts';
import { readQuantity } from '#runtime/quantity.ts';

export type Limits = { readonly cpus?: number; readonly memoryBytes?: number };

/** What Container.resources.limits says; a quantity that is none limits nothing. */
export function containerLimits({ resources }: Pick<Container, 'resources'>): Limits {
  const read = (name: string): number | undefined => {
    const written = resources?.limits?.[name];
    const amount = written === undefined ? undefined : readQuantity(written);
    return amount !== undefined && amount > 0 ? amount : undefined;
  };
  const [cpus, memoryBytes] = [read('cpu'), read('memory')];
  return { ...(cpus !== undefined && { cpus }), ...(memoryBytes !== undefined && { memoryBytes: Math.floor(memoryBytes) }) };
}

/** One container's. */
export type ControlGroup = {
  /** The same process, which enters the group before it does anything else. */
  readonly enter: (spec: ProcessSpec) => ProcessSpec;
  /** How many of its processes the kernel has ended because they wanted more memory than they may have. */
  readonly outOfMemory: () => number;
  /** After its last process has ended. */
  readonly remove: () => void;
};

export type ControlGroupOptions = { readonly mount?: string; readonly own?: string; readonly pid?: number };

const prefix = 'heddle-';
const controllers = ['cpu', 'memory'] as const;
/** In microseconds: the time over which CPU is measured out; Kubernetes' too. */
const cpuPeriodUs = 100_000;

export class ControlGroups implements Disposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** The failure says, in a few words, why nothing can be limited. */
  static open({ mount = '/sys/fs/cgroup', own = ownGroup(), pid = process.pid }: ControlGroupOptions = {}): Result<ControlGroups, string> {
    if (!existsSync(join(mount, 'cgroup.controllers')) || own === undefined) return failed('this machine has no control groups of version 2');
    const parent = findParent(mount, own);
    if (parent === undefined) return failed('this user may not make control groups with cpu and memory (a systemd user session may)');
    removeLeftovers(parent);
    const folder = join(parent, `${prefix}${pid}`);
    try {
      mkdirSync(folder);
      writeFileSync(join(folder, 'cgroup.subtree_control'), controllers.map((name) => `+${name}`).join(' '));
    } catch (error) {
      return failed(error instanceof Error ? error.message : String(error));
    }
    return ok(new ControlGroups(folder));
  }

  /** `name`: unique as long as it lives. */
  make(name: string, { cpus, memoryBytes }: Limits): Result<ControlGroup, string> {
    const folder = join(this.#folder, name.replaceAll('/', '.'));
    const write = (file: string, value: string): void => writeFileSync(join(folder, file), value);
    try {
      mkdirSync(folder, { recursive: true });
      if (cpus !== undefined) write('cpu.max', `${Math.max(1_000, Math.round(cpus * cpuPeriodUs))} ${cpuPeriodUs}`);
      if (memoryBytes !== undefined) {
        write('memory.max', String(memoryBytes));
        // All of the container ends, as on Kubernetes, not the one process that asked last.
        write('memory.oom.group', '1');
      }
    } catch (error) {
      return failed(error instanceof Error ? error.message : String(error));
    }
    return ok({
      enter: (spec) => enterGroup(spec, join(folder, 'cgroup.procs')),
      outOfMemory: () => Number(/^oom_kill (\d+)/m.exec(readText(join(folder, 'memory.events')))?.[1] ?? 0),
      remove: () => removeFolder(folder),
    });
  }

  [Symbol.dispose](): void {
    removeTree(this.#folder);
  }
}

/** 0 stands for the process that writes it; it is the one that runs the command in the end. */
function enterGroup(spec: ProcessSpec, procs: string): ProcessSpec {
  const script = 'echo 0 > "$1" || echo "runs without its limits" >&2; shift; exec "$@"';
  return { ...spec, command: '/bin/sh', args: ['-c', script, 'sh', procs, spec.command, ...spec.args] };
}

/** This process's group: `/user.slice/…`. The line of version 2 begins with 0. */
function ownGroup(): string | undefined {
  return /^0::(.*)$/m.exec(readText('/proc/self/cgroup'))?.[1];
}

/**
 * The nearest group above our own in which this user may make others and whose children have both controllers. Not our own: one with processes in it
 * cannot hand out controllers. Whoever moves a process must be allowed to write what the two places have above them, hence `cgroup.procs`.
 */
function findParent(mount: string, own: string): string | undefined {
  for (let group = own === '/' ? '/' : dirname(own); ; group = dirname(group)) {
    const folder = join(mount, group);
    const handedOut = readText(join(folder, 'cgroup.subtree_control')).split(/\s+/);
    if (controllers.every((name) => handedOut.includes(name)) && isWritable(folder) && isWritable(join(folder, 'cgroup.procs'))) return folder;
    if (group === '/') return undefined;
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Groups of starts whose process is gone. One that has processes cannot be removed, so nothing that runs is touched. */
function removeLeftovers(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = new RegExp(`^${prefix}(\\d+)$`).exec(name)?.[1];
    if (pid !== undefined && processStart(Number(pid)) === undefined) removeTree(join(parent, name));
  }
}

/** Groups below it, then itself. */
function removeTree(folder: string): void {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) removeFolder(join(folder, entry.name));
  } catch {
    // It is gone already.
  }
  removeFolder(folder);
}

/** A group without processes; its files go with it. */
function removeFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Somebody is still in it, or it is gone: the next start looks again.
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
