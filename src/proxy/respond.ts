// Every way a request can fail in the proxy, and what Envoy makes of it: status, response flag, response code details and body.
// The one place that knows. To Envoy's text comes the name of the route or cluster that failed.
import { assertNever } from '#base/assert-never.ts';
import { rbacDetails } from '#decide/connection-decision.ts';
import type { RequestRefusal, ResetReason } from '#proxy/http/stream.ts';

export type Failure =
  | { readonly kind: 'refused'; readonly refusal: RequestRefusal }
  | {
      readonly kind: 'no-route';
      readonly routeConfig: string;
      readonly virtualHost: string | undefined;
      readonly authority: string;
      readonly path: string;
    }
  | { readonly kind: 'cluster-not-found'; readonly cluster: string; readonly status: number }
  | { readonly kind: 'no-healthy-upstream'; readonly cluster: string; readonly endpoints: number }
  | { readonly kind: 'too-many-hosts'; readonly cluster: string }
  | { readonly kind: 'upstream-reset'; readonly cluster: string; readonly reason: ResetReason; readonly detail: string; readonly endpoint: string }
  | {
      readonly kind: 'response-timeout';
      readonly cluster: string;
      readonly limit: 'response' | 'upstream_per_try' | 'upstream_per_try_idle';
      readonly by204: boolean;
    }
  | { readonly kind: 'stream-idle'; readonly requestComplete: boolean }
  | { readonly kind: 'request-timeout' }
  | { readonly kind: 'max-duration'; readonly requestComplete: boolean }
  /** `explanation`: policy, rule and field, for those who may know; '' for others. */
  | { readonly kind: 'access-denied'; readonly policy: string | undefined; readonly explanation: string }
  | { readonly kind: 'upgrade-refused'; readonly upgrade: string }
  | { readonly kind: 'bad-body'; readonly details: string }
  | { readonly kind: 'body-too-large' }
  | { readonly kind: 'retry-buffer-full' }
  | { readonly kind: 'bad-path' };

export type LocalReply = {
  readonly status: number;
  /** Envoy's flags joined by ',', '' for none. */
  readonly flags: string;
  readonly details: string;
  /** Envoy's own text, '' where it has none. */
  readonly body: string;
  /** What failed, by name: goes behind the body unless a format of the configuration makes the body. */
  readonly cause: string;
  /** x-envoy-overloaded is due. */
  readonly overloaded?: boolean;
  /** For gRPC clients, where it does not follow from the status. */
  readonly grpcStatus?: number;
};

const deadlineExceeded = 4;

/** Envoy's words for a reset, in bodies; with underscores in details (StreamResetReason, Envoy's codec and router). */
export function resetText(reason: ResetReason): string {
  switch (reason) {
    case 'remote-reset':
      return 'remote reset';
    case 'connection-closed':
      return 'connection termination';
    case 'connect-failed':
    case 'tls-failed':
      return 'remote connection failure';
    case 'connect-timeout':
      return 'connection timeout';
    case 'protocol-error':
      return 'protocol error';
    case 'refused':
      return 'remote refused stream reset';
    case 'overflow':
      return 'overflow';
    case 'local-reset':
      return 'local reset';
    default:
      return assertNever(reason, 'reset reason');
  }
}

/** Envoy's response flag for a reset from upstream. */
export function resetFlag(reason: ResetReason): string {
  switch (reason) {
    case 'remote-reset':
    case 'refused':
      return 'UR';
    case 'connection-closed':
      return 'UC';
    case 'connect-failed':
    case 'tls-failed':
    case 'connect-timeout':
      return 'UF';
    case 'protocol-error':
      return 'UPE';
    case 'overflow':
      return 'UO';
    case 'local-reset':
      return 'LR';
    default:
      return assertNever(reason, 'reset reason');
  }
}

export function isConnectFailure(reason: ResetReason): boolean {
  return resetFlag(reason) === 'UF';
}

/** What goes into `{…}` behind a details word: no spaces in access logs. */
export function detailsOf(reason: ResetReason, detail: string): string {
  const text = detail === '' || !isConnectFailure(reason) ? resetText(reason) : `${resetText(reason)}|${detail}`;
  return text.replaceAll(' ', '_');
}

export function replyFor(failure: Failure): LocalReply {
  switch (failure.kind) {
    case 'refused':
      return {
        status: failure.refusal.status,
        flags: failure.refusal.flag,
        details: failure.refusal.details,
        body: refusalText(failure.refusal),
        cause: '',
      };
    case 'no-route':
      return { status: 404, flags: 'NR', details: 'route_not_found', body: '', cause: noRouteText(failure) };
    case 'cluster-not-found':
      return { status: failure.status, flags: 'NC', details: 'cluster_not_found', body: '', cause: `cluster not found: ${failure.cluster}` };
    case 'no-healthy-upstream': {
      const state = failure.endpoints === 0 ? 'has no endpoint' : `has no healthy endpoint among ${failure.endpoints}`;
      return { status: 503, flags: 'UH', details: 'no_healthy_upstream', body: 'no healthy upstream', cause: `cluster ${failure.cluster} ${state}` };
    }
    case 'too-many-hosts':
      return {
        status: 503,
        flags: '',
        details: 'dns_cache_overflow',
        body: 'DNS cache overflow',
        cause: `cluster ${failure.cluster} knows as many hosts as it may`,
      };
    case 'upstream-reset':
      return upstreamReset(failure);
    case 'response-timeout':
      return {
        status: failure.by204 ? 204 : 504,
        flags: 'UT',
        details: `${failure.limit}_timeout`,
        body: failure.by204 ? '' : 'upstream request timeout',
        cause: failure.by204 ? '' : `cluster ${failure.cluster}`,
      };
    case 'stream-idle':
      return { status: failure.requestComplete ? 504 : 408, flags: 'SI', details: 'stream_idle_timeout', body: 'stream timeout', cause: '' };
    case 'request-timeout':
      return { status: 408, flags: 'DT', details: 'request_overall_timeout', body: 'request timeout', cause: '' };
    case 'max-duration':
      return {
        status: failure.requestComplete ? 504 : 408,
        flags: '',
        details: 'max_duration_timeout',
        body: 'downstream duration timeout',
        cause: '',
        grpcStatus: deadlineExceeded,
      };
    case 'access-denied': {
      const { policy, explanation } = failure;
      const body = explanation === '' ? 'RBAC: access denied' : `RBAC: access denied: ${explanation}`;
      return { status: 403, flags: '', details: rbacDetails(policy), body, cause: '' };
    }
    case 'upgrade-refused':
      return { status: 403, flags: '', details: 'upgrade_failed', body: '', cause: `upgrade to ${failure.upgrade} is not enabled` };
    case 'bad-body':
      return { status: 400, flags: 'DPE', details: failure.details, body: 'Bad Request', cause: '' };
    case 'body-too-large':
      return { status: 413, flags: '', details: 'request_payload_too_large', body: 'Payload Too Large', cause: '' };
    case 'retry-buffer-full':
      return {
        status: 507,
        flags: '',
        details: 'request_payload_exceeded_retry_buffer_limit',
        body: 'exceeded request buffer limit while retrying upstream',
        cause: '',
      };
    case 'bad-path':
      return { status: 400, flags: '', details: 'path_normalization_failed', body: '', cause: '' };
    default:
      return assertNever(failure, 'failure');
  }
}

function refusalText({ status }: RequestRefusal): string {
  switch (status) {
    case 408:
      return 'request header timeout';
    case 431:
      return 'Request Header Fields Too Large';
    case 426:
      return 'Upgrade Required';
    case 501:
      return 'Not Implemented';
    default:
      return 'Bad Request';
  }
}

function noRouteText({ routeConfig, virtualHost, authority, path }: Extract<Failure, { readonly kind: 'no-route' }>): string {
  const where = `route configuration ${routeConfig === '' ? '(none)' : routeConfig}`;
  if (virtualHost === undefined) return `no route: no virtual host for ${authority} in ${where}`;
  return `no route: virtual host ${virtualHost} in ${where} has none for ${authority}${path}`;
}

function upstreamReset({ cluster, reason, detail, endpoint }: Extract<Failure, { readonly kind: 'upstream-reset' }>): LocalReply {
  const where = endpoint === '' ? `cluster ${cluster}` : `cluster ${cluster}, endpoint ${endpoint}`;
  return {
    status: reason === 'protocol-error' ? 502 : 503,
    flags: resetFlag(reason),
    details: `upstream_reset_before_response_started{${detailsOf(reason, detail)}}`,
    body: `upstream connect error or disconnect/reset before headers. reset reason: ${resetText(reason)}`,
    cause: detail === '' ? where : `${where} (${detail})`,
    overloaded: reason === 'overflow',
  };
}

/** Adds flags to those that are there; as Envoy prints them, in the order in which they came up. */
export function withFlag(flags: string, flag: string): string {
  if (flag === '' || flags === '') return flags === '' ? flag : flags;
  return [...new Set([...flags.split(','), ...flag.split(',')])].join(',');
}

/** gRPC's status for an HTTP status (Envoy: Grpc::Utility::httpToGrpcStatus). */
export function grpcStatusOf(status: number): number {
  switch (status) {
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}
