// What the control plane's secure port needs of the authority: its own certificate, who calls, and the services that workloads ask. One value for
// whoever opens the port.
import { Metadata, type ServerCredentials, type ServerDuplexStream, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { ok, type Result } from '#base/result.ts';
import { createCertificateMethod, streamSecretsMethod } from '#ca/certificate-methods.ts';
import type { Authority } from '#ca/folder/authority.ts';
import { identifyCaller, type ProvenCaller, type TrustDomains } from '#ca/server/caller.ts';
import { type CertificateCounts, certificateHandler } from '#ca/server/certificate-service.ts';
import { admitNode } from '#ca/server/node-fit.ts';
import { type RootsCall, rootsHandler } from '#ca/server/roots-service.ts';
import { openServerIdentity } from '#ca/server/server-certificate.ts';
import type { Node } from '#envoy/gen/envoy/config/core/v3/base_pb.js';

export type GuardOptions = {
  /** What is asked of the authority is counted there. */
  readonly counts?: CertificateCounts;
  readonly authority: Authority;
  /** The mesh's, which may change: callers are of them, and certificates name the own one. */
  readonly trustDomains: () => TrustDomains;
  readonly clock: Clock;
  readonly logger: Logger;
  /** By which it is reached from other machines: its certificate names them. */
  readonly addresses?: readonly string[];
};

/** What is asked of a call of any kind. */
type AnyCall = Pick<ServerDuplexStream<unknown, unknown>, 'metadata' | 'getAuthContext'>;

type Service = { readonly definition: Readonly<Record<string, Method>>; readonly implementation: UntypedServiceImplementation };
type Method = typeof createCertificateMethod | typeof streamSecretsMethod;

/** A caller that is known. */
export type Admitted = {
  /** Makes of a node the one that it is proved to be, or tells why it is not the caller's. */
  readonly node: (node: Node) => Result<Node, string>;
  /** Whether what it proved itself by would be taken still: for calls that last. */
  readonly isStillGood: () => boolean;
};

export type Guard = Disposable & {
  readonly credentials: ServerCredentials;
  readonly admit: (call: AnyCall) => Promise<Result<Admitted, string>>;
  readonly services: readonly Service[];
  /** Ends the streams that are open, so that their clients look for another server. */
  readonly endStreams: () => void;
};

/** The error says why the authority cannot sign now. */
export function openGuard({ counts, authority, trustDomains, clock, logger, addresses = [] }: GuardOptions): Result<Guard, string> {
  const own = openServerIdentity(authority, clock, logger, addresses);
  if (!own.ok) return own;
  const identify = (call: AnyCall): Promise<Result<ProvenCaller, string>> => {
    const proof = { metadata: call.metadata, certificate: call.getAuthContext().sslPeerCertificate?.raw };
    return identifyCaller(proof, { content: authority.content(), trustDomains: trustDomains(), nowMs: clock.nowMs() });
  };
  const rootsCalls = new Set<RootsCall>();
  const endStreams = () => {
    for (const call of rootsCalls) {
      call.emit('error', { code: status.UNAVAILABLE, details: 'the control plane is shutting down', metadata: new Metadata() });
    }
  };
  return ok({
    credentials: own.value.credentials,
    admit: async (call) => {
      const caller = await identify(call);
      if (!caller.ok) return caller;
      const { value } = caller;
      return ok({ node: (node) => admitNode(value, node), isStillGood: () => value.isStillGood(authority.content(), clock.nowMs()) });
    },
    services: [
      {
        definition: { createCertificate: createCertificateMethod },
        implementation: { createCertificate: certificateHandler({ authority, clock, logger, counts }, identify) },
      },
      {
        definition: { streamSecrets: streamSecretsMethod },
        implementation: { streamSecrets: rootsHandler(authority, identify, rootsCalls) },
      },
    ],
    endStreams,
    [Symbol.dispose]: () => {
      endStreams();
      own.value[Symbol.dispose]();
    },
  });
}
