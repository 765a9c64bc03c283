// Scenarios in a network of the mesh's own: by both data planes, as root and as an ordinary user. Where this machine has no such networks they are
// skipped with the reason, and in CI they fail.
import { describe, test } from 'node:test';
import { canNetns } from '#runtime/netns/availability.ts';
import { type DataPlane, type StartMesh, startUp } from '#test/scenario/up.ts';
import { findEnvoy } from '#test/support/envoy.ts';

/** Nobody in particular. */
const ordinaryUser = { uid: 65_534, gid: 65_534 };

type Who = { readonly who: 'root' | 'rootless'; readonly user: typeof ordinaryUser | undefined };

const isRoot = process.getuid?.() === 0;

/** Whoever runs the tests, and where that is root an ordinary user too. */
const everybody: readonly Who[] = isRoot
  ? [
      { who: 'root', user: undefined },
      { who: 'rootless', user: ordinaryUser },
    ]
  : [{ who: 'rootless', user: undefined }];

const available = await canNetns({ environment: process.env });
const isCi = (process.env['CI'] ?? '') !== '';

export type OwnNetworkRun = (start: StartMesh, dataPlane: DataPlane) => Promise<void>;

/** `dataPlanes`: those for which it is a matter of the data plane; else the embedded one alone. */
export function inOwnNetwork(name: string, run: OwnNetworkRun, dataPlanes: readonly DataPlane[] = ['embedded', 'envoy']): void {
  void describe(name, { concurrency: 1 }, () => {
    for (const { who, user } of everybody) {
      for (const dataPlane of dataPlanes) {
        const start: StartMesh = (options) => startUp(dataPlane, { network: 'netns', user, ...options });
        void test(`${dataPlane}, ${who}: ${name}`, { skip: reasonToSkip(dataPlane) }, () => run(start, dataPlane));
      }
    }
  });
}

/** False: not at all. */
export function reasonToSkip(dataPlane: DataPlane): string | false {
  if (isCi) return false;
  if (!available.ok) return `${available.error.message}; ${available.error.hint ?? ''}`;
  return dataPlane === 'envoy' && findEnvoy() === undefined ? 'needs Envoy: set ENVOY_BIN' : false;
}
