// The control plane: a source of snapshots in, xDS for every proxy that connects out, and diagnostics for people. Keeps no state of its
// own but what it can make again, so it may be killed at any time; proxies go on and come back with what they have.

import { type AdminDoor, localDoor } from '#admin/door.ts';
import { startAdminServer } from '#admin/server.ts';
import { adminUrl, notOpened } from '#app/admin-door.ts';
import { adminViews } from '#app/admin-views.ts';
import { DiagnosticBoard } from '#app/diagnostic-board.ts';
import { MeshSource } from '#app/mesh-source.ts';
import type { Clock } from '#base/clock.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Logger } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { Compiled } from '#compile/compiled.ts';
import type { Mesh } from '#model/mesh.ts';
import type { SnapshotSource } from '#sources/snapshot.ts';
import type { LedgerView } from '#xds/server/ledger.ts';
import { startXdsServer } from '#xds/server/server.ts';

export type ControlPlaneOptions = {
  /** Stays the caller's: it is not closed here. */
  readonly source: SnapshotSource;
  /** What to listen on, `127.0.0.1`. */
  readonly address: string;
  /** Of xDS; 0 takes a free one. */
  readonly port: number;
  /** Of the admin API; without it there is none, 0 takes a free one. */
  readonly adminPort?: number;
  /** Who may ask the admin API; anyone on this machine, unless said. */
  readonly adminDoor?: AdminDoor;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Called with all diagnostics in force, in order and each once, at the start and whenever they change. */
  readonly onDiagnostics?: (diagnostics: readonly Diagnostic[]) => void;
};

export type ControlPlane = AsyncDisposable & {
  readonly port: number;
  /** `http://127.0.0.1:15014`; undefined without an admin API. */
  readonly adminUrl?: string;
  readonly adminPort?: number;
  readonly ledger: LedgerView;
  readonly mesh: () => Mesh;
  readonly diagnostics: () => readonly Diagnostic[];
  /** What a proxy that is connected was given, by node id. */
  readonly compiledFor: (nodeId: string) => Compiled | undefined;
  readonly close: () => Promise<void>;
};

/** Serves until `close`. The failure is a port that cannot be bound. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<Result<ControlPlane, Diagnostic>> {
  const { address, port, adminPort, adminDoor = localDoor, logger, clock } = options;
  const nodes = new MeshSource(options.source, logger);
  const xds = await startXdsServer({ source: nodes, address, port, logger, clock });
  if (!xds.ok) {
    nodes[Symbol.dispose]();
    return failed(cannotListen('xDS', '--xds-port', address, port, xds.error));
  }
  const { ledger } = xds.value;
  const board = new DiagnosticBoard({ nodes, ledger, report: options.onDiagnostics ?? (() => {}) });
  const subject = {
    ledger,
    mesh: () => nodes.mesh,
    diagnostics: () => board.current(),
    compiledFor: (nodeId: string) => nodes.compiledFor(nodeId),
  };
  const stop = async () => {
    board[Symbol.dispose]();
    await xds.value.close();
    nodes[Symbol.dispose]();
  };
  if (adminPort === undefined) return ok({ ...subject, port: xds.value.port, close: stop, [Symbol.asyncDispose]: stop });

  const admin = await startAdminServer({ views: adminViews(subject), door: adminDoor, port: adminPort });
  if (!admin.ok) {
    await stop();
    const { error } = admin;
    if (error.kind === 'refused') return failed(notOpened(error.reason, error.hint));
    return failed(cannotListen('the admin API', '--admin-port', adminDoor.address, adminPort, error));
  }
  const stopBoth = async () => {
    await admin.value.close();
    await stop();
  };
  return ok({
    ...subject,
    port: xds.value.port,
    adminPort: admin.value.port,
    adminUrl: adminUrl(adminDoor, admin.value.port),
    close: stopBoth,
    [Symbol.asyncDispose]: stopBoth,
  });
}

function cannotListen(
  what: string,
  option: string,
  address: string,
  port: number,
  failure: { readonly inUse: boolean; readonly reason: string },
): Diagnostic {
  const why = failure.inUse ? 'another program listens there' : failure.reason;
  return {
    code: 'HDL0041',
    severity: 'error',
    message: `cannot listen on ${address}:${port} for ${what}: ${why}`,
    hint: `end the other program, or choose another port with ${option} (0 takes a free one)`,
  };
}
