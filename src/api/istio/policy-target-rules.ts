// What Istio demands of a policy's selector and targets. Source: Istio, validateWorkloadSelector and validatePolicyTargetReference.
import { type Finding, invalid } from '#api/finding.ts';

type Target = { readonly group?: string; readonly kind: string; readonly name: string; readonly namespace?: string };

type Targeted = {
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  readonly targetRef?: Target;
  readonly targetRefs?: readonly Target[];
};

/** Group and kind of what a policy may be attached to. */
const targetKinds: readonly (readonly [group: string, kind: string])[] = [
  ['', 'Service'],
  ['networking.istio.io', 'ServiceEntry'],
  ['gateway.networking.k8s.io', 'Gateway'],
  ['gateway.networking.k8s.io', 'GatewayClass'],
];

/** All broken rules about whom a policy is for. */
export function checkPolicyTargets({ selector, targetRef, targetRefs = [] }: Targeted): readonly Finding[] {
  const path = ['spec', 'selector', 'matchLabels'];
  const labels = Object.entries(selector?.matchLabels ?? {});
  return [
    ...labels.flatMap(([name, value]) => {
      if (name === '') return [invalid(path, 'key', 'a label without a name selects nothing')];
      if (!name.includes('*') && !value.includes('*')) return [];
      return [
        invalid([...path, name], 'key', `${name}: ${value} has a wildcard, which selectors do not know`, 'name the label as the workload has it'),
      ];
    }),
    ...(targetRef === undefined ? [] : checkTarget(targetRef, ['spec', 'targetRef'])),
    ...targetRefs.flatMap((target, index) => checkTarget(target, ['spec', 'targetRefs', index])),
  ];
}

function checkTarget({ group = '', kind, namespace = '' }: Target, path: Finding['path']): readonly Finding[] {
  const own = group === 'core' ? '' : group;
  const isKnown = targetKinds.some(([knownGroup, knownKind]) => knownGroup === own && knownKind === kind);
  return [
    ...(namespace === '' ? [] : [invalid([...path, 'namespace'], 'key', 'a policy is for targets of its own namespace only', 'leave out namespace')]),
    ...(isKnown
      ? []
      : [
          invalid(
            [...path, 'kind'],
            'value',
            `a policy cannot be for a ${kind}${group === '' ? '' : ` of ${group}`}`,
            'targets are Service, ServiceEntry (networking.istio.io), Gateway and GatewayClass (gateway.networking.k8s.io); for others write a selector',
          ),
        ]),
  ];
}
