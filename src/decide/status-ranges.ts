// Envoy's MatchPredicate over the status of an answer, compiled to the statuses that fit: plain data, which is quick to ask and easy to compare.
import type { Problems } from '#decide/config-error.ts';
import { compileHeaderCondition } from '#decide/header-condition.ts';
import type { RequestView } from '#decide/views.ts';
import type { HttpHeadersMatch, MatchPredicate } from '#envoy/gen/envoy/config/common/matcher/v3/matcher_pb.js';

/** Both ends belong to it. */
export type StatusRange = { readonly from: number; readonly to: number };

export function isInRanges(status: number, ranges: readonly StatusRange[]): boolean {
  return ranges.some(({ from, to }) => status >= from && status <= to);
}

const least = 100;
const most = 999;

/** The statuses whose answers the predicate matches, ascending. A header other than `:status`, and what is no header of an answer, is a problem. */
export function compileStatusRanges(predicate: MatchPredicate, field: string, problems: Problems): readonly StatusRange[] {
  const matches = compilePredicate(predicate, field, problems);
  const ranges: { from: number; to: number }[] = [];
  for (let status = least; status <= most; status++) {
    if (!matches(String(status))) continue;
    const last = ranges.at(-1);
    if (last?.to === status - 1) last.to = status;
    else ranges.push({ from: status, to: status });
  }
  return ranges;
}

type Matches = (status: string) => boolean;

const never: Matches = () => false;

function compilePredicate({ rule }: MatchPredicate, field: string, problems: Problems): Matches {
  switch (rule.case) {
    case 'orMatch': {
      const rules = rule.value.rules.map((inner, index) => compilePredicate(inner, `${field}.or_match.rules[${index}]`, problems));
      return (status) => rules.some((matches) => matches(status));
    }
    case 'andMatch': {
      const rules = rule.value.rules.map((inner, index) => compilePredicate(inner, `${field}.and_match.rules[${index}]`, problems));
      return (status) => rules.every((matches) => matches(status));
    }
    case 'notMatch': {
      const matches = compilePredicate(rule.value, `${field}.not_match`, problems);
      return (status) => !matches(status);
    }
    case 'anyMatch':
      return () => true;
    case 'httpResponseHeadersMatch':
      return compileHeaders(rule.value, `${field}.http_response_headers_match`, problems);
    default:
      problems.report(field, 'only the headers of an answer are looked at');
      return never;
  }
}

function compileHeaders({ headers }: HttpHeadersMatch, field: string, problems: Problems): Matches {
  const conditions = headers.map((matcher, index) => {
    const at = `${field}.headers[${index}]`;
    if (matcher.name !== ':status') problems.report(`${at}.name`, 'only :status is supported by this proxy');
    return compileHeaderCondition(matcher, at, problems);
  });
  return (status) => {
    const answer = statusView(status);
    return conditions.every(({ holds }) => holds(answer));
  };
}

/** An answer as far as it is looked at. */
function statusView(status: string): RequestView {
  return { method: '', scheme: '', authority: '', path: '', header: (name) => (name === ':status' ? status : undefined) };
}
