// Scenarios in a network of the mesh's own: by both data planes, as root and as an ordinary user. Where this machine has no such networks they are
// skipped with the reason, and in CI they fail.
import { describe, test } from 'node:test';
import { canNetns } from '#runtime/netns/availability.ts';
import { type DataPlane, type StartMesh, startUp, usualNetwork } from '#test/scenario/up.ts';
import { envoyTest, findEnvoy } from '#test/support/envoy.ts';
import type { ProcessUser } from '#test/support/start-process.ts';

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

/** `user`: as whom the mesh runs, where that is not who runs the test. */
export type OwnNetworkRun = (start: StartMesh, dataPlane: DataPlane, user: ProcessUser | undefined) => Promise<void>;

/**
 * With which data planes, each as root and as an ordinary user: the embedded one alone where it is no matter of the data plane. `each once`, for
 * what takes long: each data plane and each user, in as few runs as that takes.
 */
export function inOwnNetwork(name: string, run: OwnNetworkRun, combinations: readonly DataPlane[] | 'each once' = ['embedded', 'envoy']): void {
  void describe(name, { concurrency: 1 }, () => {
    for (const { dataPlane, who, user } of combinations === 'each once' ? eachOnce() : combinations.flatMap(asEverybody)) {
      const start: StartMesh = (options) => startUp(dataPlane, { network: 'netns', user, ...options });
      void test(`${dataPlane}, ${who}: ${name}`, { skip: reasonToSkip(dataPlane) }, () => run(start, dataPlane, user));
    }
  });
}

export type EachNetworkRun = (start: StartMesh, dataPlane: DataPlane, network: 'loopback' | 'netns') => Promise<void>;

/**
 * In loopback mode by both data planes, and in a network of the mesh's own by the embedded one, as most users have it: one after the other, or `atOnce`
 * where they mostly wait.
 */
export function inEachNetwork(name: string, run: EachNetworkRun, { atOnce = false } = {}): void {
  const runIn = (network: 'loopback' | 'netns', dataPlane: DataPlane): Promise<void> =>
    run((options) => startUp(dataPlane, { network, ...options }), dataPlane, network);
  void describe(name, { concurrency: atOnce ? 3 : 1 }, () => {
    void test(`embedded: ${name}`, () => runIn(usualNetwork, 'embedded'));
    envoyTest(`envoy: ${name}`, () => runIn(usualNetwork, 'envoy'));
    void test(`embedded, in a network of its own: ${name}`, { skip: reasonToSkip('embedded') }, () => runIn('netns', 'embedded'));
  });
}

type Combination = Who & { readonly dataPlane: DataPlane };

function asEverybody(dataPlane: DataPlane): readonly Combination[] {
  return everybody.map((who) => ({ ...who, dataPlane }));
}

/** Most users have our own proxy and are not root. */
function eachOnce(): readonly Combination[] {
  return [...asEverybody('embedded').slice(-1), ...asEverybody('envoy').slice(0, 1)];
}

/** False: not at all. */
export function reasonToSkip(dataPlane: DataPlane): string | false {
  if (isCi) return false;
  if (!available.ok) return `${available.error.message}; ${available.error.hint ?? ''}`;
  return dataPlane === 'envoy' && findEnvoy() === undefined ? 'needs Envoy: set ENVOY_BIN' : false;
}
