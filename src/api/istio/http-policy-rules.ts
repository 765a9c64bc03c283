// What faults, retries and CORS policies of a rule may say. Source: Istio, validateHTTPFaultInjection, ValidateHTTPRetry, validateCORSPolicy.
import { STATUS_CODES } from 'node:http';
import { type Finding, invalid, type Path } from '#api/finding.ts';
import { headerName } from '#api/istio/header-rules.ts';
import { checkExpression } from '#api/istio/regex-rules.ts';
import type { HttpRoute } from '#api/istio/virtual-service.ts';
import { closest } from '#base/closest.ts';
import { parseDurationMs } from '#base/duration.ts';
import { grpcStatuses } from '#base/grpc-status.ts';

export function checkFault({ delay, abort }: NonNullable<HttpRoute['fault']>, path: Path): readonly Finding[] {
  if (delay === undefined && abort === undefined) return [invalid(path, 'key', 'a fault is a delay, an abort, or both')];
  const { grpcStatus } = abort ?? {};
  const guess = closest(grpcStatus ?? '', grpcStatuses.keys());
  return [
    ...checkPercentage(delay?.percentage?.value, [...path, 'delay', 'percentage', 'value']),
    ...checkPercentage(abort?.percentage?.value, [...path, 'abort', 'percentage', 'value']),
    ...(grpcStatus === undefined || grpcStatuses.has(grpcStatus)
      ? []
      : [
          invalid(
            [...path, 'abort', 'grpcStatus'],
            'value',
            `${JSON.stringify(grpcStatus)} is no status of gRPC`,
            guess === undefined ? 'such as UNAVAILABLE or NOT_FOUND' : `did you mean ${guess}?`,
          ),
        ]),
  ];
}

function checkPercentage(value: number | undefined, path: Path): readonly Finding[] {
  const isTooSmall = value !== undefined && value > 0 && value < 0.0001;
  return isTooSmall ? [invalid(path, 'value', `${value} % is less than Envoy can count`, 'the smallest is 0.0001')] : [];
}

/** Envoy's conditions for HTTP and gRPC. */
const retryConditions: ReadonlySet<string> = new Set([
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'envoy-ratelimited',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
]);

export function checkRetries(retries: NonNullable<HttpRoute['retries']>, path: Path): readonly Finding[] {
  const { attempts = 0, perTryTimeout, retryOn = '', retryRemoteLocalities } = retries;
  const isConfigured = perTryTimeout !== undefined || retryOn !== '' || retryRemoteLocalities !== undefined;
  const isKnown = (each: string): boolean => retryConditions.has(each) || (/^\d+$/.test(each) && STATUS_CODES[Number(each)] !== undefined);
  const unknown = retryOn === '' ? [] : retryOn.split(',').filter((each) => !isKnown(each));
  return [
    ...(attempts === 0 && isConfigured
      ? [invalid([...path, 'attempts'], 'key', 'without attempts there are no retries to say anything about', 'add attempts: 2')]
      : []),
    ...unknown.map((each) => {
      const guess = closest(each.trim(), retryConditions);
      const hint = guess === undefined ? `the conditions are ${[...retryConditions].join(', ')}, and status codes` : `did you mean ${guess}?`;
      return invalid([...path, 'retryOn'], 'value', `${JSON.stringify(each)} is no condition for retries`, hint);
    }),
  ];
}

const corsMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', '*']);

export function checkCors(policy: NonNullable<HttpRoute['corsPolicy']>, path: Path): readonly Finding[] {
  const { allowOrigins = [], allowMethods = [], maxAge } = policy;
  const names = (['allowHeaders', 'exposeHeaders'] as const).flatMap((field) =>
    (policy[field] ?? []).flatMap((name, index) =>
      headerName.test(name) ? [] : [invalid([...path, field, index], 'value', `${JSON.stringify(name)} is no name of a header`)],
    ),
  );
  return [
    ...allowOrigins.flatMap(({ exact, prefix, regex }, index) =>
      (exact ?? prefix ?? regex ?? '') === ''
        ? [invalid([...path, 'allowOrigins', index], 'value', 'an origin needs exact, prefix or regex')]
        : checkExpression(regex, [...path, 'allowOrigins', index, 'regex']),
    ),
    ...allowMethods.flatMap((method, index) =>
      corsMethods.has(method) ? [] : [invalid([...path, 'allowMethods', index], 'value', `${JSON.stringify(method)} is no method of HTTP`)],
    ),
    ...names,
    ...(maxAge !== undefined && (parseDurationMs(maxAge) ?? 0) % 1000 !== 0
      ? [invalid([...path, 'maxAge'], 'value', 'browsers are told whole seconds', 'round it to seconds')]
      : []),
  ];
}
