// Fields of a Pod that mean something in a container and nothing for a local process: said once, so that nobody relies on them.
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { sidecarContainer } from '#runtime/sidecar-container.ts';

const fields = {
  volumeMounts: 'a local process sees the files of this machine; its folder is the one of heddle.yaml, or its cwd',
} as const;

/** One finding per container and field, or per field of the Pod. */
export function fieldsWithoutEffect(pod: KindMap['Pod']): readonly Diagnostic[] {
  return [...containerFields(pod), ...hostFields(pod), ...untouchedProbes(pod)];
}

function containerFields({ spec, origins, metadata }: KindMap['Pod']): readonly Diagnostic[] {
  return spec.containers.flatMap((container, index) =>
    container.name === sidecarContainer
      ? []
      : (['volumeMounts'] as const).flatMap((field): readonly Diagnostic[] => {
          if (container[field] === undefined) return [];
          const message = `${field} of container ${container.name} of Pod ${metadata.namespace}/${metadata.name} has no effect here`;
          return [{ code: 'HDL0403', severity: 'info', message, hint: fields[field], at: origins.at(['spec', 'containers', index, field]) }];
        }),
  );
}

/** What a pod would have of its node's network: here the node is no machine that anybody could call. */
function hostFields({ spec, origins, metadata }: KindMap['Pod']): readonly Diagnostic[] {
  const about = (field: string, hint: string, path: readonly (string | number)[]): Diagnostic => ({
    code: 'HDL0403',
    severity: 'warning',
    message: `${field} of Pod ${metadata.namespace}/${metadata.name} has no effect here`,
    hint,
    at: origins.at([...path]),
  });
  return [
    ...(spec.hostNetwork === true ? [about('hostNetwork', 'it is a pod like the others, and has a sidecar', ['spec', 'hostNetwork'])] : []),
    ...spec.containers.flatMap(({ ports = [] }, index) =>
      ports.flatMap(({ hostPort }, at) =>
        hostPort === undefined
          ? []
          : [
              about(`hostPort ${hostPort}`, 'heddle port-forward opens a port of this machine', [
                'spec',
                'containers',
                index,
                'ports',
                at,
                'hostPort',
              ]),
            ],
      ),
    ),
  ];
}

const rewriting = 'sidecar.istio.io/rewriteAppHTTPProbers';

/** On a cluster kubelet's probes are captured, so Istio leads them around; here they reach the application past its proxy, rewritten or not. */
function untouchedProbes({ origins, metadata }: KindMap['Pod']): readonly Diagnostic[] {
  if (metadata.annotations[rewriting] !== 'false') return [];
  const message = `${rewriting}: "false" of Pod ${metadata.namespace}/${metadata.name} has no effect here`;
  const hint = 'probes are not captured here, so STRICT mutual TLS never makes them fail; on a cluster it would, with this annotation';
  return [{ code: 'HDL0403', severity: 'info', message, hint, at: origins.at(['metadata', 'annotations', rewriting]) }];
}
