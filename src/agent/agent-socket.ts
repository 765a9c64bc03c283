// Where the agent's socket lies: in a folder that only this user can enter, below the Envoy's own where the path fits into a socket's address.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SdsServer, startSdsServer } from '#agent/sds-server.ts';
import type { WorkloadSecrets } from '#ca/client/workload-secrets.ts';

/** sockaddr_un has 108 bytes, the last one zero. */
const longestPath = 107;
const socketName = 'sds';

/** Serves `secrets` until it is disposed of, and then leaves no file behind. */
export async function startAgentSocket(workFolder: string, secrets: WorkloadSecrets): Promise<SdsServer> {
  const folder = await privateFolder(workFolder);
  const server = await startSdsServer(join(folder, socketName), secrets);
  return {
    path: server.path,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function privateFolder(workFolder: string): Promise<string> {
  const folder = join(workFolder, 'agent');
  if (Buffer.byteLength(join(folder, socketName)) > longestPath) return mkdtemp(join(tmpdir(), 'heddle-agent-'));
  // What another run left here would be in the way.
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  return folder;
}
