// Envoy's RouteMatch as a whole, compiled: path, headers, query parameters, dynamic metadata, gRPC and runtime fraction; all must hold.

import type { Condition } from '#decide/condition.ts';
import type { Problems } from '#decide/config-error.ts';
import { compileHeaderCondition } from '#decide/header-condition.ts';
import { compileMetadataCondition } from '#decide/metadata-condition.ts';
import { compilePathTest, type PathTest, pathCondition } from '#decide/path-condition.ts';
import { compileQueryCondition } from '#decide/query-condition.ts';
import type { RequestView } from '#decide/views.ts';
import type { RouteMatch } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { type FractionalPercent, FractionalPercent_DenominatorType } from '#envoy/gen/envoy/type/v3/percent_pb.js';

export type CompiledMatch = {
  readonly path: PathTest;
  readonly pathCondition: Condition;
  /** Beside the path; most routes have none. */
  readonly conditions: readonly Condition[];
  /** Share of requests the route is open to, 1 for all. */
  readonly fraction: number;
  /** The whole match in words. */
  readonly text: string;
};

export function compileRouteMatch(match: RouteMatch, field: string, problems: Problems): CompiledMatch {
  const path = compilePathTest(match, field, problems);
  const byPath = pathCondition(path);
  const conditions: Condition[] = [];
  if (match.grpc !== undefined) conditions.push(grpcCondition);
  for (const [index, matcher] of match.headers.entries()) {
    conditions.push(compileHeaderCondition(matcher, `${field}.headers[${index}]`, problems));
  }
  for (const [index, matcher] of match.queryParameters.entries()) {
    conditions.push(compileQueryCondition(matcher, `${field}.query_parameters[${index}]`, problems));
  }
  for (const [index, matcher] of match.dynamicMetadata.entries()) {
    conditions.push(compileMetadataCondition(matcher, `${field}.dynamic_metadata[${index}]`, problems));
  }
  const fraction = match.runtimeFraction === undefined ? 1 : shareOf(match.runtimeFraction.defaultValue);
  const texts = [byPath.text, ...conditions.map(({ text }) => text)];
  if (fraction < 1) texts.push(fractionText(fraction));
  return { path, pathCondition: byPath, conditions, fraction, text: texts.join(' and ') };
}

/** All but the path, which an index may have settled already. */
export function othersHold(match: CompiledMatch, request: RequestView, random: number): boolean {
  if (random >= match.fraction) return false;
  const { conditions } = match;
  for (let index = 0; index < conditions.length; index++) {
    if (conditions[index]?.holds(request) === false) return false;
  }
  return true;
}

/** The first condition that does not hold, in words with what was found; undefined: the route matches. */
export function firstFailure(match: CompiledMatch, request: RequestView, random: number): string | undefined {
  // Envoy: a request without a path (CONNECT) is only for connect_matcher.
  if (request.path === '' && match.path.kind !== 'connect') return `${match.pathCondition.text}: the request has no path`;
  for (const condition of [match.pathCondition, ...match.conditions]) {
    if (!condition.holds(request)) return `${condition.text}: ${condition.found(request)}`;
  }
  return random >= match.fraction ? `${fractionText(match.fraction)}: this one is not` : undefined;
}

/** Envoy's FractionalPercent as a number from 0 to 1. */
export function shareOf(percent: FractionalPercent | undefined): number {
  if (percent === undefined) return 0;
  return Math.min(1, percent.numerator / denominators[percent.denominator]);
}

const denominators: Readonly<Record<FractionalPercent_DenominatorType, number>> = {
  [FractionalPercent_DenominatorType.HUNDRED]: 100,
  [FractionalPercent_DenominatorType.TEN_THOUSAND]: 10_000,
  [FractionalPercent_DenominatorType.MILLION]: 1_000_000,
};

function fractionText(fraction: number): string {
  return `${fraction * 100} % of requests`;
}

// RouteMatch.grpc: content-type application/grpc, alone or with a suffix (+proto).
const grpcCondition: Condition = {
  text: 'gRPC',
  holds: (request) => {
    const type = request.header('content-type');
    return type !== undefined && type.startsWith('application/grpc') && (type.length === 16 || type[16] === '+');
  },
  found: (request) => `content-type is ${request.header('content-type') ?? 'missing'}`,
};
