// Istio's annotation for the way in which a pod's connections are captured, and what of it means something here.
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { NetworkKind } from '#runtime/network-kind.ts';

const annotation = 'sidecar.istio.io/interceptionMode';

/** Where pods have a network of their own everything is redirected: what asks for another way is told that it gets this one. */
export function otherInterception({ metadata, origins }: KindMap['Pod'], network: NetworkKind): readonly Diagnostic[] {
  const mode = metadata.annotations[annotation];
  if (network === 'loopback' || mode === undefined || mode === 'REDIRECT') return [];
  const message = `${annotation}: ${mode} of Pod ${metadata.namespace}/${metadata.name} has no effect here: its connections are redirected (REDIRECT)`;
  const hint =
    mode === 'TPROXY'
      ? 'its application sees connections come from 127.0.0.6; X-Forwarded-For names the caller'
      : 'to leave all of its connections alone, refuse the sidecar: sidecar.istio.io/inject: "false"';
  return [{ code: 'HDL0403', severity: 'warning', message, hint, at: origins.at(['metadata', 'annotations', annotation]) }];
}
