// SDS for the Envoy beside us: its secrets over gRPC on a Unix socket that only this user can open. Keys go from the workload's identity to the
// socket and nowhere else. Speaks the state of the world, delta, and the single question.
import { chmod } from 'node:fs/promises';
import { Server, ServerCredentials, type ServerDuplexStream, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { answerOnce } from '#agent/sds-response.ts';
import { SecretStream } from '#agent/sds-stream.ts';
import type { WorkloadSecrets } from '#ca/client/workload-secrets.ts';
import { secretService } from '#xds/client/secret-service.ts';

export type SdsServer = AsyncDisposable & { readonly path: string };

type Call = ServerDuplexStream<Buffer, Buffer>;
type Single = { readonly request: Buffer };
type Reply = (error: null, response: Buffer) => void;

/**
 * Serves `secrets` (which stay the caller's) at `path`, which must not exist, in a folder that only this user can enter. Throws where it cannot be bound.
 */
export async function startSdsServer(path: string, secrets: WorkloadSecrets): Promise<SdsServer> {
  const streams = new Set<SecretStream>();
  const serve = (mode: 'sotw' | 'delta') => (call: Call) => {
    const stream = new SecretStream(mode, secrets, (response) => void call.write(response));
    streams.add(stream);
    const forget = (): void => void streams.delete(stream);
    call.on('data', (request: Buffer) => {
      const problem = stream.receive(request);
      if (problem !== undefined) call.destroy(new Error(problem));
    });
    call.on('end', () => {
      forget();
      call.end();
    });
    call.on('cancelled', forget);
    call.on('error', forget);
  };
  const server = new Server();
  const definition: ServiceDefinition<UntypedServiceImplementation> = secretService;
  server.addService(definition, {
    streamSecrets: serve('sotw'),
    deltaSecrets: serve('delta'),
    fetchSecrets: ({ request }: Single, reply: Reply) => reply(null, answerOnce(request, secrets)),
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error)));
  });
  await chmod(path, 0o600);
  const endChanges = secrets.onChange(() => {
    for (const stream of streams) stream.refresh();
  });
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      endChanges();
      server.forceShutdown();
    },
  };
}
