// Rules that no request ever comes to, as an earlier one of their host takes all of them: an expression behind a prefix of `/` above all, since
// expressions come after every prefix. In silence on a cluster, a warning here.
import type { Diagnostic } from '#base/diagnostic.ts';
import { formatOrigin, type Origin } from '#base/origin.ts';
import type { HttpMatch, HttpRule, VirtualService } from '#model/virtual-service.ts';

/** One warning for each rule, with the one that hides it. The rules stand in the order in which they are tried. */
export function unreachedRules({ http, hosts, semantics }: VirtualService): readonly Diagnostic[] {
  if (semantics !== 'gateway-api') return [];
  const taken = new Map<string, HttpRule>();
  const findings: Diagnostic[] = [];
  for (const rule of http) {
    const [match] = rule.matches;
    if (match === undefined) continue;
    const hiding = [...hidingKeys(match)].map((key) => taken.get(key)).find((one) => one !== undefined);
    if (hiding !== undefined) findings.push(unreached(match, originOf(hiding), hosts[0]?.hostname ?? '*'));
    else taken.set(conditionsOf(match), rule);
  }
  return findings;
}

function originOf({ matches, origin }: HttpRule): Origin {
  return matches[0]?.origin ?? origin;
}

/** What an earlier match must say to take everything that this one would: the same, or nothing at all; on its port or on all. */
function* hidingKeys(match: HttpMatch): Generator<string> {
  const { port: _port, ...onAllPorts } = match;
  const all: HttpMatch = { name: '', headers: [], withoutHeaders: [], queryParameters: [], origin: match.origin };
  yield conditionsOf(match);
  yield conditionsOf(onAllPorts);
  yield conditionsOf(all);
  if (match.port !== undefined) yield conditionsOf({ ...all, port: match.port });
}

function conditionsOf({ uri, method, headers, queryParameters, port }: HttpMatch): string {
  return JSON.stringify([uri, method, headers, queryParameters, port]);
}

function unreached({ uri, origin }: HttpMatch, hiding: Origin, host: string): Diagnostic {
  const hint =
    uri?.kind === 'regex'
      ? 'expressions come after all prefixes: make the other one narrower, or an expression, too'
      : 'of equal matches the older route has the requests, then the first by name, then the first in it';
  return {
    code: 'HDL0063',
    severity: 'warning',
    message: `no request for ${host} comes to this match: the one in ${formatOrigin(hiding)} takes them all`,
    hint,
    at: origin,
    related: [{ message: 'takes all its requests', at: hiding }],
  };
}
