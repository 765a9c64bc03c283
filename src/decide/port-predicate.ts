// Envoy's ListenerFilterChainMatchPredicate (filter_disabled of listener filters): a condition on the destination port.

import type { Problems } from '#decide/config-error.ts';
import type { ListenerFilterChainMatchPredicate } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';

/** Undefined is never true. */
export function compilePortPredicate(
  predicate: ListenerFilterChainMatchPredicate | undefined,
  field: string,
  problems: Problems,
): (port: number) => boolean {
  const rule = predicate?.rule;
  const below = (rules: readonly ListenerFilterChainMatchPredicate[], name: string) =>
    rules.map((each, index) => compilePortPredicate(each, `${field}.${name}.rules[${index}]`, problems));
  switch (rule?.case) {
    case 'anyMatch':
      return () => true;
    case 'destinationPortRange': {
      const { start, end } = rule.value;
      return (port) => port >= start && port < end;
    }
    case 'notMatch': {
      const inner = compilePortPredicate(rule.value, `${field}.not_match`, problems);
      return (port) => !inner(port);
    }
    case 'orMatch': {
      const rules = below(rule.value.rules, 'or_match');
      return (port) => rules.some((holds) => holds(port));
    }
    case 'andMatch': {
      const rules = below(rule.value.rules, 'and_match');
      return (port) => rules.every((holds) => holds(port));
    }
    case undefined:
      if (predicate !== undefined) problems.report(field, 'a rule is required');
      return () => false;
  }
}
