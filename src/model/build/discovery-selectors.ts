// MeshConfig.discoverySelectors as written: a list of Kubernetes label selectors.

import type { LabelSelector } from '#api/kubernetes/meta.ts';
import { isObject } from '#base/object.ts';
import type { MeshSettings } from '#model/mesh.ts';

type Problem = { readonly field: string; readonly message: string };

/** The selectors as they are written; none where what stands there is no list of selectors. */
export function readDiscoverySelectors(config: Readonly<Record<string, unknown>>, problems: Problem[]): Pick<MeshSettings, 'discoverySelectors'> {
  const { discoverySelectors: written } = config;
  if (written === undefined || (Array.isArray(written) && written.length === 0)) return {};
  if (Array.isArray(written) && written.every(isSelector)) return { discoverySelectors: written };
  problems.push({ field: 'discoverySelectors', message: 'must be a list of selectors with matchLabels or matchExpressions' });
  return {};
}

const operators: readonly unknown[] = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

function isSelector(value: unknown): value is LabelSelector {
  if (!isObject(value)) return false;
  const { matchLabels = {}, matchExpressions = [], ...others } = value;
  const expressions: unknown = matchExpressions;
  return (
    Object.keys(others).length === 0 &&
    isObject(matchLabels) &&
    Object.values(matchLabels).every((label) => typeof label === 'string') &&
    Array.isArray(expressions) &&
    expressions.every(
      (expression: unknown) => isObject(expression) && typeof expression['key'] === 'string' && operators.includes(expression['operator']),
    )
  );
}
