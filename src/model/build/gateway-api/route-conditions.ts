// What parents say to routes. Source: Gateway API, RouteConditionType and its reasons; parents that are not ours say nothing.
import { kinds } from '#api/kinds.ts';
import { conditionOf, type Problem } from '#model/build/gateway-api/problem.ts';
import type { AttachedRoute } from '#model/build/gateway-api/routes.ts';
import type { Condition, GatewayApiStatus } from '#model/gateway-api.ts';

export function routeStatus(attached: AttachedRoute): GatewayApiStatus {
  const { route, attachments, converted } = attached;
  const { metadata, origins } = route;
  const { generation } = metadata;
  const refusals = converted.problems.filter(({ condition }) => condition === 'Accepted');
  const refused = 'refusedRules' in converted ? converted.refusedRules : 0;
  const isWhole = refused > 0 && refused === (route.spec.rules ?? []).length;
  const references = { reason: 'ResolvedRefs', message: 'every reference leads somewhere' };
  const parents = attachments
    .filter(({ isOurs }) => isOurs)
    .map(({ parent, problems, origin }) => ({
      parent,
      origin,
      conditions: [
        conditionOf(
          'Accepted',
          isWhole ? [...problems, ...refusals] : problems,
          { reason: 'Accepted', message: 'the route is in force' },
          generation,
        ),
        conditionOf('ResolvedRefs', converted.problems, references, generation),
        ...(refused > 0 && !isWhole ? [partlyInvalid(refusals, generation)] : []),
      ],
    }));
  // The written name of a route's kind is one of those.
  const kind = kinds[route.kind].kind;
  return { kind, namespace: metadata.namespace, name: metadata.name, origin: origins.start, conditions: [], parents };
}

/** Some rules are refused, the others act. */
function partlyInvalid(refusals: readonly Problem[], generation: number | undefined): Condition {
  const [first] = refusals;
  return {
    type: 'PartiallyInvalid',
    status: 'True',
    reason: first?.reason ?? 'UnsupportedValue',
    message: `Dropped Rule: ${refusals.map(({ message }) => message).join('; ')}`,
    ...(generation !== undefined && { observedGeneration: generation }),
    ...(first !== undefined && { at: first.at }),
  };
}
