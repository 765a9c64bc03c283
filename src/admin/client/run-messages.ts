// What `heddle run` and the mesh say to each other on a connection of its own, a JSON object a line in both directions. As long as it is open the
// workload is in the mesh; whoever closes it has left.

import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { isObject } from '#base/object.ts';

/** What the caller wants: a process of his as a pod, and where it listens. */
export type RunRequest = {
  /** The pod's name. */
  readonly workload: string;
  readonly namespace: string;
  /** Whose endpoint it becomes; made where it does not exist. */
  readonly service?: string;
  /** Where it listens. */
  readonly port?: number;
  /** What is spoken there, as a Service's port name begins; for a Service that is made. */
  readonly protocol?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The workload's name where it is not said. */
  readonly serviceAccount?: string;
  /** Program and arguments, never empty. */
  readonly command: readonly string[];
  /** The caller's folder. */
  readonly cwd: string;
};

/** From the mesh. */
export type MeshMessage =
  /**
   * Its proxy is ready: this is to be started now, with these variables over the caller's own. Where the user namespace of `mesh` is not the caller's, from
   * there.
   */
  | {
      readonly kind: 'start';
      readonly command: string;
      readonly args: readonly string[];
      readonly cwd: string;
      readonly variables: Readonly<Record<string, string>>;
      readonly mesh: number;
    }
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals }
  /** It takes requests now, at these names. */
  | { readonly kind: 'ready'; readonly at: readonly string[] }
  /** Nothing goes on yet, for this reason. */
  | { readonly kind: 'waiting'; readonly reason: string; readonly hint?: string };

/** From the caller. */
export type CallerMessage =
  | { readonly kind: 'started'; readonly pid: number }
  | { readonly kind: 'ended'; readonly code?: number; readonly signal?: string }
  /** Out of load balancing, then the signal. */
  | { readonly kind: 'leave' };

export function sendMessage(to: Duplex, message: MeshMessage | CallerMessage): void {
  if (!to.destroyed && !to.writableEnded) to.write(`${JSON.stringify(message)}\n`);
}

/** Nobody sends longer lines; a peer that does is not one of ours. */
const mostCharacters = 4 * 1024 * 1024;

/** Hands on each line that is JSON; others are none of ours. */
export function onLines(from: Duplex, take: (value: unknown) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  from.on('data', (bytes: Buffer) => {
    const lines = `${rest}${decoder.write(bytes)}`.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > mostCharacters) from.destroy();
    for (const line of lines) {
      const value = parse(line);
      if (value !== undefined) take(value);
    }
  });
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

/** Undefined for what is none. */
export function readCallerMessage(value: unknown): CallerMessage | undefined {
  if (!isObject(value)) return undefined;
  const { kind, pid, code, signal } = value;
  if (kind === 'leave') return { kind };
  if (kind === 'started') return typeof pid === 'number' && Number.isInteger(pid) && pid > 1 ? { kind, pid } : undefined;
  if (kind !== 'ended') return undefined;
  return { kind, ...(typeof code === 'number' && { code }), ...(typeof signal === 'string' && { signal }) };
}

export function readMeshMessage(value: unknown): MeshMessage | undefined {
  if (!isObject(value)) return undefined;
  const { kind, command, args, cwd, variables, mesh, signal, reason, hint, at } = value;
  switch (kind) {
    case 'start':
      if (typeof command !== 'string' || !isWords(args) || typeof cwd !== 'string' || !isObject(variables) || typeof mesh !== 'number')
        return undefined;
      return { kind, command, args, cwd, variables: texts(variables), mesh };
    case 'signal': {
      const known = Object.keys(constants.signals).find((one): one is NodeJS.Signals => one === signal);
      return known === undefined ? undefined : { kind, signal: known };
    }
    case 'ready':
      return { kind, at: isWords(at) ? at : [] };
    case 'waiting':
      return typeof reason === 'string' ? { kind, reason, ...(typeof hint === 'string' && { hint }) } : undefined;
    default:
      return undefined;
  }
}

/** What a request says; undefined where something that it needs is missing. */
export function readRunRequest(value: unknown): RunRequest | undefined {
  if (!isObject(value)) return undefined;
  const { workload, namespace = 'default', service, port, protocol, labels = {}, serviceAccount, command, cwd } = value;
  if (typeof workload !== 'string' || typeof namespace !== 'string' || typeof cwd !== 'string') return undefined;
  if (!isWords(command) || command.length === 0 || !isObject(labels)) return undefined;
  if (port !== undefined && !(typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535)) return undefined;
  return {
    workload,
    namespace,
    command,
    cwd,
    labels: texts(labels),
    ...(typeof service === 'string' && { service }),
    ...(port !== undefined && { port }),
    ...(typeof protocol === 'string' && { protocol }),
    ...(typeof serviceAccount === 'string' && { serviceAccount }),
  };
}

function isWords(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((word) => typeof word === 'string');
}

function texts(of: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(of).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])));
}
