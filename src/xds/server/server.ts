// The xDS server: one port, both protocols. Takes a NodeSource, and keeps every connected client at what the source says for its node.
import {
  status as grpcStatus,
  type handleBidiStreamingCall,
  logVerbosity,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { adsService } from '#xds/ads-service.ts';
import type { NodeSource } from '#xds/node-source.ts';
import { type Connection, openDelta, openSotw } from '#xds/server/connection.ts';
import { Ledger, type LedgerView } from '#xds/server/ledger.ts';

export type XdsServerOptions = {
  readonly source: NodeSource;
  readonly address: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly logger: Logger;
  readonly clock: Clock;
};

export type XdsServer = {
  readonly port: number;
  readonly ledger: LedgerView;
  /** Ends every stream with UNAVAILABLE, so that clients look for another server, and frees the port. */
  readonly close: () => Promise<void>;
};

/** Why the port could not be bound. */
export type BindFailure = { readonly address: string; readonly port: number; readonly inUse: boolean; readonly reason: string };

const serverOptions = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 1,
};

const drainDeadlineMs = 2_000;
const sliceMs = 10;

type Call = ServerDuplexStream<Buffer, Buffer>;

/** Binds and serves until `close`. A port that cannot be bound is a value, not an exception. */
export async function startXdsServer(options: XdsServerOptions): Promise<Result<XdsServer, BindFailure>> {
  const ledger = new Ledger(options.clock);
  const connections = new Map<Call, Connection>();
  const serve = (open: typeof openDelta) => (call: Call) => {
    const connection = open({ call, ledger, source: options.source, logger: options.logger, clock: options.clock });
    connections.set(call, connection);
    const forget = () => {
      connections.delete(call);
      connection.end();
    };
    call.on('data', (request: Buffer) => connection.receive(request));
    call.on('end', () => {
      forget();
      call.end();
    });
    call.on('cancelled', forget);
    call.on('error', forget);
  };
  const server = new Server(serverOptions);
  addService(server, { streamAggregatedResources: serve(openSotw), deltaAggregatedResources: serve(openDelta) });

  const bound = await bind(server, options.address, options.port);
  if (!bound.ok) return bound;
  const refreshAll = inSlices(() => connections.values(), options.clock);
  const stopListening = options.source.onChange(refreshAll);
  const close = async () => {
    stopListening();
    for (const [call, connection] of connections) {
      connection.end();
      call.emit('error', { code: grpcStatus.UNAVAILABLE, details: 'the control plane is shutting down', metadata: new Metadata() });
    }
    connections.clear();
    await shutDown(server, options.clock);
  };
  return ok({ port: bound.value, ledger, close });
}

/**
 * Refreshes every connection, a few milliseconds' worth at a time, so that answers and keepalives of thousands of clients are not
 * held up. A change that comes while a round is under way starts one more round after it.
 */
function inSlices(connections: () => Iterable<Connection>, clock: Clock): () => void {
  let due: Connection[] = [];
  let again = false;
  const run = () => {
    const endMs = clock.monotonicMs() + sliceMs;
    while (due.length > 0 && clock.monotonicMs() < endMs) due.pop()?.refresh();
    if (due.length > 0) {
      setImmediate(run);
    } else if (again) {
      again = false;
      start();
    }
  };
  const start = () => {
    if (due.length > 0) {
      again = true;
      return;
    }
    due = [...connections()];
    run();
  };
  return start;
}

type Implementation = { readonly [Name in keyof typeof adsService]: handleBidiStreamingCall<Buffer, Buffer> };

function addService(server: Server, implementation: Implementation): void {
  const definition: ServiceDefinition<UntypedServiceImplementation> = adsService;
  server.addService(definition, { ...implementation });
}

function bind(server: Server, address: string, port: number): Promise<Result<number, BindFailure>> {
  const host = address.includes(':') ? `[${address}]` : address;
  return new Promise((resolve) => {
    // gRPC would print a failure by itself as well; it is ours to tell.
    setLogVerbosity(logVerbosity.NONE);
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, boundPort) => {
      setLogVerbosity(logVerbosity.ERROR);
      if (error === null) resolve(ok(boundPort));
      else resolve(failed({ address, port, inUse: error.message.includes('EADDRINUSE'), reason: error.message }));
    });
  });
}

/** Waits for calls to end by themselves, then cuts them off. */
function shutDown(server: Server, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const giveUp = clock.after(drainDeadlineMs, () => {
      server.forceShutdown();
      resolve();
    });
    server.tryShutdown(() => {
      giveUp();
      resolve();
    });
  });
}
