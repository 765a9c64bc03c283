// Rules of a VirtualService that can never act, because an earlier one takes their requests: IST0130 for a whole rule, IST0131 for one match.
// Source: Istio, analysis of unreachable rules in the validation of VirtualServices.
import type { Analyzer } from '#analyze/analyzer.ts';
import { coversMatch } from '#analyze/match-cover.ts';
import type { HttpMatchRequest } from '#api/istio/virtual-service.ts';
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { isObject } from '#base/object.ts';
import type { Origin } from '#base/origin.ts';

type Rule = { readonly name?: string; readonly match?: readonly unknown[] };
type Earlier = { readonly rule: number; readonly match: number };
type Report = (code: 'IST0130' | 'IST0131', path: readonly (string | number)[], message: string, earlier: readonly (string | number)[]) => void;

export const unreachableRule: Analyzer = {
  name: 'unreachable-rule',
  run: ({ resources }) => [...resources.VirtualService.values()].flatMap(checkVirtualService),
};

function checkVirtualService(virtualService: KindMap['VirtualService']): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  const at = (path: readonly (string | number)[]): Origin => virtualService.origins.at(path);
  for (const protocol of ['http', 'tcp', 'tls'] as const) {
    const report: Report = (code, path, message, earlier) => {
      found.push({
        code,
        severity: code === 'IST0130' ? 'warning' : 'info',
        message,
        at: at(['spec', protocol, ...path]),
        related: [{ message: 'what comes first', at: at(['spec', protocol, ...earlier]) }],
      });
    };
    checkRules(virtualService.spec[protocol] ?? [], report);
  }
  checkOverlaps(virtualService, (later, earlier) => {
    found.push({
      code: 'IST0131',
      severity: 'info',
      message: 'this match never acts: an earlier, wider prefix takes its requests',
      hint: 'put the longer prefix first',
      at: at(['spec', 'http', later.rule, 'match', later.match]),
      related: [{ message: 'the wider match', at: at(['spec', 'http', earlier.rule, 'match', earlier.match]) }],
    });
  });
  return found;
}

/** Equal matches, and rules after one that takes everything. */
function checkRules(rules: readonly Rule[], report: Report): void {
  const seen = new Map<string, Earlier>();
  let takesAll: number | undefined;
  for (const [index, { match = [] }] of rules.entries()) {
    if (match.length === 0) {
      if (takesAll !== undefined)
        report('IST0130', [index], 'this rule never acts: an earlier rule has no match and takes every request', [takesAll]);
      takesAll = index;
      continue;
    }
    let duplicates = 0;
    for (const [matchIndex, one] of match.entries()) {
      if (takesAll !== undefined) {
        report('IST0130', [index, 'match', matchIndex], 'this rule never acts: an earlier rule has no match and takes every request', [takesAll]);
        continue;
      }
      const key = canonical(one);
      const earlier = seen.get(key);
      if (earlier === undefined) {
        seen.set(key, { rule: index, match: matchIndex });
        continue;
      }
      duplicates++;
      report('IST0131', [index, 'match', matchIndex], 'this match never acts: an earlier rule has the same one', [
        earlier.rule,
        'match',
        earlier.match,
      ]);
    }
    if (duplicates === match.length) report('IST0130', [index], 'this rule never acts: earlier rules take all its matches', [0]);
  }
}

/** A prefix that is covered by a shorter one before it. */
function checkOverlaps({ spec }: KindMap['VirtualService'], report: (later: Earlier, earlier: Earlier) => void): void {
  const matches: { readonly place: Earlier; readonly match: HttpMatchRequest }[] = (spec.http ?? []).flatMap(({ match = [] }, rule) =>
    match.map((one, index) => ({ place: { rule, match: index }, match: one })),
  );
  for (const [index, later] of matches.entries()) {
    const earlier = matches.slice(0, index).find(({ match }) => match.uri?.prefix !== later.match.uri?.prefix && coversMatch(match, later.match));
    if (earlier !== undefined) report(later.place, earlier.place);
  }
}

/** Text that is equal for matches that mean the same: without the name, keys in order. */
function canonical(match: unknown): string {
  return JSON.stringify(match, (key, value: unknown) => {
    if (key === 'name') return undefined;
    return isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
  });
}
