// .heddle/state.json: what runs, for other programs and for the next start. Written whole and renamed into place, so that a reader never
// sees half of it.
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type WorkloadState = {
  readonly name: string;
  readonly namespace: string;
  /** The label `version`, '' where there is none. */
  readonly version: string;
  readonly phase: string;
  readonly ready: boolean;
  /** Why it is not ready; '' when it is. */
  readonly reason: string;
  readonly restarts: number;
  /** `127.0.0.1:20012`: where its proxy takes requests; '' for a pod without ports. */
  readonly address: string;
  readonly ports: Readonly<Record<string, { readonly listen: number; readonly app?: number }>>;
  readonly proxyAdmin?: string;
  /** Where Prometheus asks for the pod's metrics, likewise. */
  readonly metrics?: string;
  /** `spiffe://cluster.local/ns/default/sa/hello`: who its certificate says it is. */
  readonly identity?: string;
  /** By container port: takes plaintext (`disable`), mutual TLS (`strict`) or either (`permissive`). */
  readonly mtls?: Readonly<Record<string, string>>;
  readonly logs: readonly string[];
};

/** A port as a Gateway names it, what is spoken there (`http`, `https`, `tls`, `tcp`), and the `host:port` on this machine. */
export type GatewayPortState = { readonly port: number; readonly protocol: string; readonly address: string };

export type ProcessState = { readonly pid: number; readonly name: string; readonly started: string };

export type MeshState = {
  readonly version: 1;
  readonly pid: number;
  readonly started: string;
  readonly phase: 'starting' | 'ready' | 'stopping';
  readonly dataPlane: string;
  /** `netns`: each pod has an address of its own, which only pods reach; `loopback`: all are on this machine's 127.0.0.1. */
  readonly network: 'netns' | 'loopback';
  readonly paths: readonly string[];
  readonly gatewayUrl?: string;
  /** What the gateways open beside it. */
  readonly gatewayPorts?: readonly GatewayPortState[];
  readonly adminUrl?: string;
  readonly xdsAddress?: string;
  readonly workloads: readonly WorkloadState[];
  readonly processes: readonly ProcessState[];
};

const fileName = 'state.json';

export function writeState(folder: string, state: MeshState): void {
  const file = join(folder, fileName);
  const draft = `${file}.${state.pid}`;
  writeFileSync(draft, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(draft, file);
}

/** The last state written, whoever wrote it; undefined where there is none that can be read. */
export function readState(folder: string): MeshState | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(join(folder, fileName), 'utf8'));
    const isState = typeof value === 'object' && value !== null && 'version' in value && value.version === 1 && 'processes' in value;
    // Written by writeState alone, whole or not at all; the version says that its shape is ours.
    return isState ? (value as MeshState) : undefined;
  } catch {
    return undefined;
  }
}

export function removeState(folder: string): void {
  rmSync(join(folder, fileName), { force: true });
}
