// The connections.yaml beside a golden: who connects to what, bytes or TLS, and where that leads. Run four ways, as calls.yaml.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Call, Decision } from '#decide/decision.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import type { GoldenCase } from '#test/support/golden-case.ts';

export type TableConnection = {
  readonly name: string;
  /** `name.namespace` of the pod that connects; or to which, with `inbound`. */
  readonly from: string;
  readonly connect: {
    /** The host name of a service, whose first address is meant; or an address. The pod's own where `inbound`. */
    readonly to?: string;
    readonly port: number;
    /** With it the connection is TLS, and asks for this name. */
    readonly serverName?: string;
    /** It comes from outside to the pod. */
    readonly inbound?: boolean;
  };
  /** `subset`: all that may come up. `closed`: nobody answers. */
  readonly expect: {
    readonly listener?: string;
    readonly filterChain?: string;
    readonly cluster?: string;
    readonly subset?: readonly string[];
    readonly closed?: boolean;
  };
  /** Why a live proxy without redirection cannot show it. */
  readonly decideOnly?: string;
};

const keys = {
  row: ['name', 'from', 'connect', 'expect', 'decideOnly'],
  connect: ['to', 'port', 'serverName', 'inbound'],
  expect: ['listener', 'filterChain', 'cluster', 'subset', 'closed'],
};

/** The table of a case, empty where it has none. A key that is not known would never be checked, and so fails. */
export function connectionsOf({ folder }: GoldenCase): readonly TableConnection[] {
  const file = join(folder, 'connections.yaml');
  if (!existsSync(file)) return [];
  const rows = parse(readFileSync(file, 'utf8')) as readonly TableConnection[]; // written by us, and checked for unknown keys below
  for (const row of rows) {
    const unknown = [
      ...Object.keys(row).filter((key) => !keys.row.includes(key)),
      ...Object.keys(row.connect).filter((key) => !keys.connect.includes(key)),
      ...Object.keys(row.expect).filter((key) => !keys.expect.includes(key)),
    ];
    if (unknown.length > 0) throw new Error(`${file}: ${row.name}: unknown keys ${unknown.join(', ')}`);
  }
  return rows;
}

const nowhere = '240.240.0.1';

/** As redirection would bring it to the proxy. */
export function connectionCall(mesh: Mesh, proxy: Proxy, { connect }: TableConnection, random: number): Call {
  const { to, port, serverName, inbound = false } = connect;
  const own = proxy.addresses[0] ?? nowhere;
  const address = to === undefined ? own : (mesh.services.get(to)?.addresses[0] ?? (/^[\d.]+$|:/.test(to) ? to : nowhere));
  return {
    connection: {
      destinationAddress: address,
      destinationPort: port,
      sourceAddress: inbound ? '192.0.2.7' : own,
      sourcePort: 40_000,
      transportProtocol: serverName === undefined ? 'raw_buffer' : 'tls',
      ...(serverName !== undefined && { serverName }),
      applicationProtocols: [],
    },
    acceptedOn: { address: '127.0.0.1', port: inbound ? 15_006 : 15_001 },
    random,
  };
}

/** Whether the connection gets through to somebody. */
export function isOpen({ outcome }: Decision): boolean {
  return outcome.kind === 'tcp' && outcome.endpoints.length > 0;
}
