// The xDS server: one plain port, and where one is asked for a secure one, both protocols on each. Takes a NodeSource, and keeps every connected
// client at what the source says for its node.
import type { Duplex } from 'node:stream';
import {
  type ConnectionInjector,
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
import { type Admission, type Connection, openDelta, openSotw } from '#xds/server/connection.ts';
import { Ledger, type LedgerView } from '#xds/server/ledger.ts';

export type XdsServerOptions = {
  readonly source: NodeSource;
  readonly address: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly secure?: SecurePort;
  /** Whoever reaches the port without TLS may be given Secrets: for a server whose only client is who started it. */
  readonly plainCarriesSecrets?: true;
};

/** A second port, with TLS: calls are served when it is known who makes them. What else is served there comes along. */
export type SecurePort = {
  readonly address: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly credentials: ServerCredentials;
  /** Who calls, as what its nodes are held against; the error says why nobody is known, and is sent back as UNAUTHENTICATED. */
  readonly admit: (call: ServerDuplexStream<Buffer, Buffer>) => Promise<Result<Admitted, string>>;
  readonly services: readonly {
    readonly definition: ServiceDefinition<UntypedServiceImplementation>;
    readonly implementation: UntypedServiceImplementation;
  }[];
};

export type Admitted = {
  readonly node: Admission;
  /** Asked now and then while a stream lasts: whether what the caller proved itself by would be taken still. */
  readonly isStillGood: () => boolean;
};

export type XdsServer = {
  readonly port: number;
  readonly securePort?: number;
  /** Takes a connection that was accepted elsewhere as one to the secure port; there is none without that. */
  readonly takeSecure?: (connection: Duplex) => void;
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

/** Strangers reach the secure port: what they send is read before it is known who they are. */
const secureServerOptions = { ...serverOptions, 'grpc.max_receive_message_length': 16 * 1024 * 1024 };

const drainDeadlineMs = 2_000;
const sliceMs = 10;
/** How often callers are looked at again, and how long one that would be refused now may go on: its next certificate is on the way, mostly. */
const proofLookMs = 60_000;
const proofGraceMs = 10 * 60_000;

type Call = ServerDuplexStream<Buffer, Buffer>;

/** Binds and serves until `close`. A port that cannot be bound is a value, not an exception. */
export async function startXdsServer(options: XdsServerOptions): Promise<Result<XdsServer, BindFailure>> {
  const { source, address, logger, clock, secure } = options;
  const ledger = new Ledger(clock);
  const connections = new Map<Call, Connection>();
  const serve = (call: Call, open: typeof openDelta, admitted?: Admitted) => {
    const carriesSecrets = admitted !== undefined || options.plainCarriesSecrets === true;
    const connection = open({ call, ledger, source, logger, clock, carriesSecrets, ...(admitted !== undefined && { admission: admitted.node }) });
    const stopLooking = admitted === undefined ? () => {} : endWhenOutdated(call, admitted, clock, logger);
    connections.set(call, connection);
    const forget = () => {
      stopLooking();
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
  const plain = new Server(serverOptions);
  addAds(plain, serve);
  const bound = await bind(plain, address, options.port, ServerCredentials.createInsecure());
  if (!bound.ok) return bound;

  const guarded = secure === undefined ? ok(undefined) : await openSecurePort(secure, serve, logger);
  if (!guarded.ok) {
    await shutDown(plain, clock);
    return guarded;
  }
  const refreshAll = inSlices(
    () => connections.values(),
    clock,
    (isUnderWay) => {
      ledger.isTelling = isUnderWay;
    },
  );
  const stopListening = source.onChange(refreshAll);
  const close = async () => {
    stopListening();
    for (const [call, connection] of connections) {
      connection.end();
      call.emit('error', { code: grpcStatus.UNAVAILABLE, details: 'the control plane is shutting down', metadata: new Metadata() });
    }
    connections.clear();
    await Promise.all([shutDown(plain, clock), guarded.value === undefined ? undefined : shutDown(guarded.value.server, clock)]);
  };
  const { port: securePort, take: takeSecure } = guarded.value ?? {};
  return ok({ port: bound.value, ...(securePort !== undefined && { securePort }), ...(takeSecure !== undefined && { takeSecure }), ledger, close });
}

type Serve = (call: Call, open: typeof openDelta, admitted?: Admitted) => void;

function addAds(server: Server, serve: Serve): void {
  addService(server, {
    streamAggregatedResources: (call) => serve(call, openSotw),
    deltaAggregatedResources: (call) => serve(call, openDelta),
  });
}

/** Its calls are read when it is known who makes them. */
async function openSecurePort(
  secure: SecurePort,
  serve: Serve,
  logger: Logger,
): Promise<Result<{ readonly server: Server; readonly port: number; readonly take: (connection: Duplex) => void }, BindFailure>> {
  const server = new Server(secureServerOptions);
  addAds(server, (call, open) => {
    const refuse = (code: grpcStatus, details: string) => {
      logger.log('warn', 'xDS client refused', { peer: call.getPeer(), reason: details });
      call.emit('error', { code, details, metadata: new Metadata() });
    };
    secure.admit(call).then(
      (admitted) => {
        if (call.cancelled) return;
        if (admitted.ok) serve(call, open, admitted.value);
        else refuse(grpcStatus.UNAUTHENTICATED, admitted.error);
      },
      () => refuse(grpcStatus.INTERNAL, 'who calls could not be settled'),
    );
  });
  for (const { definition, implementation } of secure.services) server.addService(definition, implementation);
  const bound = await bind(server, secure.address, secure.port, secure.credentials);
  if (!bound.ok) return bound;
  let injector: ConnectionInjector | undefined;
  const take = (connection: Duplex): void => {
    injector ??= server.createConnectionInjector(secure.credentials);
    injector.injectConnection(connection);
  };
  return ok({ server, port: bound.value, take });
}

/**
 * Ends a stream whose caller could not open it any more: its certificate or token has ended, or was taken back. It comes again with what it has by now, or
 * is refused. Istio bounds the life of every stream instead (keepaliveMaxServerConnectionAge, 30 minutes).
 */
function endWhenOutdated(call: Call, { isStillGood }: Admitted, clock: Clock, logger: Logger): () => void {
  let badSinceMs: number | undefined;
  let cancel = (): void => {};
  const lookLater = (): void => {
    cancel = clock.after(proofLookMs, () => {
      const nowMs = clock.monotonicMs();
      badSinceMs = isStillGood() ? undefined : (badSinceMs ?? nowMs);
      if (badSinceMs === undefined || nowMs - badSinceMs < proofGraceMs) return lookLater();
      const details = 'what the caller proved itself by has ended: come again with a newer certificate or token';
      logger.log('info', 'xDS stream ended', { peer: call.getPeer(), reason: details });
      call.emit('error', { code: grpcStatus.UNAVAILABLE, details, metadata: new Metadata() });
    });
  };
  lookLater();
  return () => cancel();
}

/**
 * Refreshes every connection, a few milliseconds' worth at a time, so that answers and keepalives of thousands of clients are not
 * held up. A change that comes while a round is under way starts one more round after it. `onRound` is told when rounds begin, and when all are over.
 */
function inSlices(connections: () => Iterable<Connection>, clock: Clock, onRound: (isUnderWay: boolean) => void): () => void {
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
    } else onRound(false);
  };
  const start = () => {
    if (due.length > 0) {
      again = true;
      return;
    }
    due = [...connections()];
    onRound(true);
    run();
  };
  return start;
}

type Implementation = { readonly [Name in keyof typeof adsService]: handleBidiStreamingCall<Buffer, Buffer> };

function addService(server: Server, implementation: Implementation): void {
  const definition: ServiceDefinition<UntypedServiceImplementation> = adsService;
  server.addService(definition, { ...implementation });
}

function bind(server: Server, address: string, port: number, credentials: ServerCredentials): Promise<Result<number, BindFailure>> {
  const host = address.includes(':') ? `[${address}]` : address;
  return new Promise((resolve) => {
    // gRPC would print a failure by itself as well; it is ours to tell.
    setLogVerbosity(logVerbosity.NONE);
    server.bindAsync(`${host}:${port}`, credentials, (error, boundPort) => {
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
