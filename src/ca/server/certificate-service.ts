// Istio's CreateCertificate, as a gRPC handler: who calls is settled, the request goes to the authority, and each answer or refusal is told in the log
// without what was sent.
import { create } from '@bufbuild/protobuf';
import { type handleUnaryCall, status } from '@grpc/grpc-js';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { type Refusal, signRequest } from '#ca/authority.ts';
import type { Authority } from '#ca/folder/authority.ts';
import { formatIdentity } from '#ca/identity.ts';
import type { Caller } from '#ca/server/caller.ts';
import { workloadNameField } from '#ca/workload-name.ts';
import { type IstioCertificateRequest, type IstioCertificateResponse, IstioCertificateResponseSchema } from '#envoy/gen/istio/v1/auth/ca_pb.js';

/** What was asked, and what came of it; changed by the service. */
export type CertificateCounts = { asked: number; issued: number; unauthenticated: number; refused: number };

export function newCertificateCounts(): CertificateCounts {
  return { asked: 0, issued: 0, unauthenticated: 0, refused: 0 };
}

export type ServiceOptions = {
  readonly authority: Authority;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Undefined: nobody counts. */
  readonly counts?: CertificateCounts | undefined;
};

/** `identify`: who makes this call, or why that is not known. */
export type Identify<Call> = (call: Call) => Promise<Result<Caller, string>>;

type Handler = handleUnaryCall<IstioCertificateRequest, IstioCertificateResponse>;
type Call = Parameters<Handler>[0];

const codes: Readonly<Record<Refusal['kind'], status>> = {
  invalid: status.INVALID_ARGUMENT,
  denied: status.PERMISSION_DENIED,
  unavailable: status.UNAVAILABLE,
};

export function certificateHandler(options: ServiceOptions, identify: Identify<Call>): Handler {
  return (call, reply) => {
    answer(call, options, identify).then(
      (result) => {
        if (result.ok) reply(null, create(IstioCertificateResponseSchema, { certChain: [...result.value] }));
        else reply(result.error);
      },
      (error: unknown) => {
        options.logger.log('error', 'signing failed', { reason: error instanceof Error ? error.message : String(error) });
        reply({ code: status.INTERNAL, details: 'the certificate could not be made' });
      },
    );
  };
}

type Failure = { readonly code: status; readonly details: string };

async function answer(call: Call, options: ServiceOptions, identify: Identify<Call>): Promise<Result<readonly string[], Failure>> {
  const { authority, clock, logger, counts = newCertificateCounts() } = options;
  counts.asked++;
  const refuse = (code: status, details: string, caller?: Caller) => {
    const identity = caller === undefined ? undefined : formatIdentity(caller.identity);
    logger.log('warn', 'certificate refused', { peer: call.getPeer(), identity, reason: details });
    if (code === status.UNAUTHENTICATED) counts.unauthenticated++;
    else counts.refused++;
    return failed({ code, details });
  };
  const caller = await identify(call);
  if (!caller.ok) return refuse(status.UNAUTHENTICATED, caller.error);
  const { csr, validityDuration, metadata } = call.request;
  if (metadata?.['ImpersonatedIdentity'] !== undefined) {
    return refuse(status.PERMISSION_DENIED, 'nobody may ask for the certificate of somebody else (ImpersonatedIdentity)', caller.value);
  }
  const validityMs = Number(validityDuration) * 1000;
  const { identity, workloadGroup } = caller.value;
  const signed = await signRequest({ set: authority.content().set, clock, csr, identity, workloadGroup, workloadName: textIn(metadata), validityMs });
  if (!signed.ok) return refuse(codes[signed.error.kind], signed.error.reason, caller.value);
  counts.issued++;
  logger.log('info', 'certificate signed', { identity: formatIdentity(identity), by: caller.value.by, peer: call.getPeer() });
  return ok(signed.value);
}

function textIn(metadata: IstioCertificateRequest['metadata']): string | undefined {
  const name = metadata?.[workloadNameField];
  return typeof name === 'string' ? name : undefined;
}
