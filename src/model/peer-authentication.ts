// A PeerAuthentication: whether workloads take plaintext, mutual TLS or either. The narrowest one that says something wins: port, workload,
// namespace, mesh.
import type { Origin } from '#base/origin.ts';

/** `unset`: what the next wider policy says; PERMISSIVE where none says anything. */
export type PeerMtls = 'unset' | 'disable' | 'permissive' | 'strict';

export type PeerAuthentication = {
  readonly name: string;
  readonly namespace: string;
  /** Undefined: for all workloads of the namespace; in the root namespace of the mesh. */
  readonly selector?: Readonly<Record<string, string>>;
  readonly mtls: PeerMtls;
  /** By the port of the workload (not of a service). Only with a selector. */
  readonly portMtls: ReadonlyMap<number, PeerMtls>;
  readonly createdMs?: number;
  readonly origin: Origin;
};
