// `heddle up` on a copy of examples/hello, as a user starts it; ready when its state says so and its gateway answers.
import { cpSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findEnvoy } from '#test/support/envoy.ts';
import { httpCall } from '#test/support/http-call.ts';
import { startHeddle } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

export type ExampleMesh = AsyncDisposable & {
  readonly gatewayPort: number;
  /** From the start of the command to the first good answer through the gateway. */
  readonly readyMs: number;
  /** The copy's routing.yaml. */
  readonly routingFile: string;
};

export type DataPlane = 'embedded' | 'envoy';

/** The data planes that can run here, the embedded one first. */
export function dataPlanes(): readonly DataPlane[] {
  return findEnvoy() === undefined ? ['embedded'] : ['embedded', 'envoy'];
}

const example = fileURLToPath(new URL('../examples/hello', import.meta.url));

export async function startExampleMesh(dataPlane: DataPlane): Promise<ExampleMesh> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await temporaryFolder());
  cpSync(example, join(folder.path, 'hello'), { recursive: true, filter: (path) => !path.endsWith('as-published') });
  const started = performance.now();
  const args = ['up', 'hello', '--gateway-port', '0', '--data-plane', dataPlane];
  const mesh = resources.use(await startHeddle(args, { cwd: folder.path, stopTimeoutMs: 20_000 }));
  const gatewayPort = await waitUntil('the example mesh', () => gatewayThatAnswers(folder.path), { timeoutMs: 60_000, everyMs: 10 }).catch(
    (cause: Error) => {
      throw new Error(`${cause.message} (${String(cause.cause)}); it printed:\n${mesh.output()}`, { cause });
    },
  );
  const readyMs = performance.now() - started;
  const kept = resources.move();
  return { gatewayPort, readyMs, routingFile: join(folder.path, 'hello/routing.yaml'), [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function gatewayThatAnswers(folder: string): Promise<number | undefined> {
  // Written by `heddle up`; the two fields are read with care, since it may be from another version.
  const state = JSON.parse(await readFile(join(folder, '.heddle/state.json'), 'utf8')) as { readonly phase?: string; readonly gatewayUrl?: string };
  if (state.phase !== 'ready' || state.gatewayUrl === undefined) return undefined;
  const port = Number(new URL(state.gatewayUrl).port);
  const { status } = await httpCall({ port, headers: { host: 'hello.example.com' }, timeoutMs: 1000 });
  return status === 200 ? port : undefined;
}
