// The control plane: a source of snapshots in, xDS for every proxy that connects out, and diagnostics for people. Keeps no state of its
// own but what it can make again, so it may be killed at any time; proxies go on and come back with what they have.

import type { MeshVerbs } from '#admin/client/verbs.ts';
import { type AdminDoor, localDoor } from '#admin/door.ts';
import { type ListeningSocket, startAdminServer } from '#admin/server.ts';
import { adminUrl, notOpened } from '#app/admin-door.ts';
import { adminViews } from '#app/admin-views.ts';
import { CertificateWatch } from '#app/certificate-ages.ts';
import { ControlPlaneMetrics } from '#app/control-plane-metrics.ts';
import { DiagnosticBoard } from '#app/diagnostic-board.ts';
import type { Dial } from '#app/key-download.ts';
import { MeshSource } from '#app/mesh-source.ts';
import type { OutsideDoor, OutsideDoorOptions } from '#app/outside-door.ts';
import { TokenKeyStore } from '#app/token-key-store.ts';
import { WorkloadRegistry } from '#app/workload-registry.ts';
import type { Clock } from '#base/clock.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Logger } from '#base/logger.ts';
import { isLoopback } from '#base/loopback.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { Authority } from '#ca/folder/authority.ts';
import type { CertificateCounts } from '#ca/server/certificate-service.ts';
import type { Guard } from '#ca/server/guard.ts';
import type { Compiled } from '#compile/compiled.ts';
import type { NameTable } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';
import type { Mesh } from '#model/mesh.ts';
import { formatAddress } from '#proxy/downstream-connection.ts';
import type { SnapshotSource } from '#sources/snapshot.ts';
import type { NodeSource } from '#xds/node-source.ts';
import type { LedgerView } from '#xds/server/ledger.ts';
import { startXdsServer, type XdsServer } from '#xds/server/server.ts';

export type ControlPlaneOptions = {
  /** Stays the caller's: it is not closed here. */
  readonly source: SnapshotSource;
  /** What xDS listens on. Without TLS that is this machine only: where the address is not, the plain port is on 127.0.0.1 all the same. */
  readonly address: string;
  /** Of xDS; 0 takes a free one. */
  readonly port: number;
  /** A second port for xDS, with TLS and for known callers only, where workloads also get their certificates; 0 takes a free one. */
  readonly secure?: {
    readonly port: number;
    /** Stays the caller's. */
    readonly authority: Authority;
    /** Where other machines reach that port, too. */
    readonly outside?: OutsideDoorOptions | undefined;
  };
  /** Of the admin API; without it there is none, 0 takes a free one. */
  readonly adminPort?: number;
  /** A socket that listens already, for the admin API to accept on in place of one of its own. */
  readonly adminSocket?: ListeningSocket;
  /** Who may ask the admin API; anyone on this machine, unless said. */
  readonly adminDoor?: AdminDoor;
  /** The way to what is outside the mesh (issuers of tokens), where this process has none of its own. */
  readonly dial?: Dial | undefined;
  /** What can be done with the mesh by the admin API; without them it only shows. */
  readonly adminVerbs?: MeshVerbs;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Called with all diagnostics in force, in order and each once, at the start and whenever they change. */
  readonly onDiagnostics?: (diagnostics: readonly Diagnostic[]) => void;
};

export type ControlPlane = AsyncDisposable & {
  readonly port: number;
  readonly securePort?: number;
  /** `192.0.2.1:15012`, where other machines come in. */
  readonly outside?: string;
  /** `http://127.0.0.1:15014`; undefined without an admin API. */
  readonly adminUrl?: string;
  readonly adminPort?: number;
  readonly ledger: LedgerView;
  readonly mesh: () => Mesh;
  /** What a cluster's own DNS answers whoever asks. */
  readonly names: { readonly current: () => NameTable; readonly onChange: (listener: () => void) => () => void };
  readonly diagnostics: () => readonly Diagnostic[];
  /** Its own, in Prometheus' text format. */
  readonly metrics: () => string;
  /** What a proxy that is connected was given, by node id. */
  readonly compiledFor: (nodeId: string) => Compiled | undefined;
  readonly close: () => Promise<void>;
};

/** Serves until `close`. The failure is a port that cannot be bound, or an authority that cannot sign. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<Result<ControlPlane, Diagnostic>> {
  const { adminPort, adminDoor = localDoor, logger } = options;
  const registry = new WorkloadRegistry(options.source, options.clock);
  const tokenKeys = new TokenKeyStore({ clock: options.clock, logger, random: Math.random, dial: options.dial });
  const nodes = new MeshSource(registry.source, logger, tokenKeys);
  const certificates: CertificateCounts = { asked: 0, issued: 0, unauthenticated: 0, refused: 0 };
  const started = await startPorts(options, nodes, registry.serving(nodes), certificates);
  if (!started.ok) {
    nodes[Symbol.dispose]();
    tokenKeys[Symbol.dispose]();
    registry[Symbol.dispose]();
    return started;
  }
  const { xds, guard } = started.value;
  const { ledger, port, securePort } = xds;
  const outside = await openOutside(options, xds);
  if (!outside.ok) {
    await xds.close();
    guard?.[Symbol.dispose]();
    nodes[Symbol.dispose]();
    tokenKeys[Symbol.dispose]();
    registry[Symbol.dispose]();
    return outside;
  }
  registry.follow(ledger);
  const ages = new CertificateWatch(
    { credentials: () => nodes.mesh.credentials.values(), onChange: (listener) => nodes.onChange(listener) },
    options.clock,
  );
  const others = options.secure === undefined ? [ages] : [ages, options.secure.authority];
  const board = new DiagnosticBoard({ nodes, ledger, others, report: options.onDiagnostics ?? (() => {}) });
  const metrics = new ControlPlaneMetrics({ ledger, mesh: () => nodes.mesh, certificates, clock: options.clock, version: '0.1.0' });
  const subject = {
    port,
    ...(securePort !== undefined && { securePort }),
    ...(outside.value !== undefined && { outside: formatAddress(outside.value.address, outside.value.port) }),
    ledger,
    mesh: () => nodes.mesh,
    names: { current: () => nodes.clusterNames(), onChange: (listener: () => void) => nodes.onChange(listener) },
    diagnostics: () => board.current(),
    compiledFor: (nodeId: string) => nodes.compiledFor(nodeId),
    metrics: () => metrics.print(),
  };
  const stop = async () => {
    metrics[Symbol.dispose]();
    board[Symbol.dispose]();
    ages[Symbol.dispose]();
    guard?.endStreams();
    await xds.close();
    await outside.value?.close();
    guard?.[Symbol.dispose]();
    nodes[Symbol.dispose]();
    tokenKeys[Symbol.dispose]();
    registry[Symbol.dispose]();
  };
  if (adminPort === undefined) return ok({ ...subject, close: stop, [Symbol.asyncDispose]: stop });

  const served = { views: adminViews(subject), verbs: options.adminVerbs, door: adminDoor };
  const admin = await startAdminServer({ ...served, port: adminPort, socket: options.adminSocket });
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
    adminPort: admin.value.port,
    adminUrl: adminUrl(adminDoor, admin.value.port),
    close: stopBoth,
    [Symbol.asyncDispose]: stopBoth,
  });
}

/** Of xDS: the plain one, and the secure one where there is an authority. */
async function startPorts(
  { address, port, secure, logger, clock }: ControlPlaneOptions,
  nodes: MeshSource,
  source: NodeSource,
  certificates: CertificateCounts,
): Promise<Result<{ readonly xds: XdsServer; readonly guard: Guard | undefined }, Diagnostic>> {
  const guard = secure === undefined ? ok(undefined) : await guardOf(secure, nodes, clock, logger, certificates);
  if (!guard.ok) return guard;
  const guarded = secure !== undefined && guard.value !== undefined ? { ...guard.value, address, port: secure.port } : undefined;
  const plainAddress = isLoopback(address) ? address : '127.0.0.1';
  const xds = await startXdsServer({ source, address: plainAddress, port, logger, clock, ...(guarded !== undefined && { secure: guarded }) });
  if (xds.ok) return ok({ xds: xds.value, guard: guard.value });
  guard.value?.[Symbol.dispose]();
  const option = guarded !== undefined && xds.error.port === guarded.port && guarded.port !== port ? '--secure-port' : '--xds-port';
  return failed(cannotListen('xDS', option, xds.error.address, xds.error.port, xds.error));
}

async function openOutside({ secure }: ControlPlaneOptions, { takeSecure }: XdsServer): Promise<Result<OutsideDoor | undefined, Diagnostic>> {
  if (secure?.outside === undefined || takeSecure === undefined) return ok(undefined);
  const { openOutsideDoor } = await import('#app/outside-door.ts');
  const { address, port } = secure.outside;
  const opened = await openOutsideDoor(secure.outside, takeSecure);
  return opened.ok ? opened : failed(cannotListen('other machines', '--listen', address, port, opened.error));
}

/** What it is made of is loaded where it is needed. */
async function guardOf(
  { authority, outside }: NonNullable<ControlPlaneOptions['secure']>,
  nodes: MeshSource,
  clock: Clock,
  logger: Logger,
  counts: CertificateCounts,
): Promise<Result<Guard, Diagnostic>> {
  const [{ openGuard }, { unusable }] = await Promise.all([import('#ca/server/guard.ts'), import('#ca/folder/ca-folder.ts')]);
  const trustDomains = () => ({ own: nodes.mesh.settings.trustDomain, aliases: nodes.mesh.settings.trustDomainAliases });
  const guard = openGuard({ counts, authority, trustDomains, clock, logger, addresses: outside === undefined ? [] : [outside.address] });
  return guard.ok ? guard : failed(unusable(authority.folder, guard.error));
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
