// Where a mesh runs: all that differs for `heddle up` between this machine's own network and one that was made for the mesh. Whoever wires the mesh
// asks here and does not know which it is.
import type { Dial } from '#app/key-download.ts';
import { portHolder } from '#app/port-holder.ts';
import type { ServiceRanges } from '#app/up/cluster-ips.ts';
import type { UpEvent } from '#app/up/event.ts';
import type { Clock } from '#base/clock.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Logger } from '#base/logger.ts';
import { ok, type Result } from '#base/result.ts';
import type { NameTable } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';
import { loopbackNetwork } from '#runtime/loopback-network.ts';
import type { HostSocket, MeshNetwork } from '#runtime/network.ts';
import { isPortFree, type PortAllocator } from '#runtime/port-allocator.ts';

export type MeshPlace = {
  readonly kind: MeshNetwork['kind'];
  /** The process that the user started, and ends. */
  readonly pid: number;
  /** Processes of the mesh beside it that belong to no pod. */
  readonly others: readonly { readonly pid: number; readonly name: string }[];
  /** From which Services get addresses; undefined: they need none. */
  readonly serviceRanges: ServiceRanges | undefined;
  /** Who listens on a port of this machine's 127.0.0.1; undefined: nobody does. */
  readonly whyTaken: (port: number) => Promise<{ readonly holder: string | undefined } | undefined>;
  /** Makes the network, before anything else is started. */
  readonly open: (needs: PlaceNeeds) => Promise<Result<OpenPlace, Diagnostic>>;
};

export type PlaceNeeds = {
  readonly domain: string;
  /** Where the mesh keeps its keys and tokens, as far as it can be hidden from applications: a folder that is there. */
  readonly stateFolder: string;
  readonly allocator: PortAllocator;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  /** The pod of an address, as people call it. */
  readonly podAt: (address: string) => string | undefined;
  readonly emit: (event: UpEvent) => void;
};

/** Disposing of it gives back what it took from this machine, once all pods have ended. */
export type OpenPlace = AsyncDisposable & {
  readonly network: MeshNetwork;
  /** Of the control plane on the network's node address: xDS without TLS, and with. */
  readonly ports: { readonly plain: number; readonly secure: number };
  /** Where somebody on this machine reaches the plain one; undefined where nobody can. */
  readonly plainAddress: string | undefined;
  /** Has the network know the names of the mesh from now on. */
  readonly serveNames: (names: MeshNames) => Promise<Result<undefined, Diagnostic>>;
  /** The way to what is outside the mesh; undefined: this process has its own. */
  readonly dial: Dial | undefined;
  /** A socket of this machine on which the admin API is to listen; undefined: it opens its own. */
  readonly adminSocket: (host: string, port: number) => Promise<Result<HostSocket | undefined, Diagnostic>>;
};

/** What a cluster's own DNS knows, as it stands, and word of each change. */
export type MeshNames = { readonly current: () => NameTable; readonly onChange: (listener: () => void) => () => void };

/** All on 127.0.0.1, on ports that are free. */
export const loopbackPlace: MeshPlace = {
  kind: 'loopback',
  pid: process.pid,
  others: [],
  serviceRanges: undefined,
  whyTaken: async (port) => ((await isPortFree(port)) ? undefined : { holder: portHolder(port) }),
  open: async ({ allocator }) => {
    const [plain, secure] = [await allocator.take(), await allocator.take()];
    const network = loopbackNetwork(allocator);
    return ok({
      network,
      ports: { plain, secure },
      plainAddress: `${network.nodeAddress}:${plain}`,
      serveNames: async () => ok(undefined),
      dial: undefined,
      adminSocket: async () => ok(undefined),
      [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
    });
  },
};
