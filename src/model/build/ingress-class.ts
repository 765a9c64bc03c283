// Whether an Ingress is for this mesh. Source: Istio, shouldProcessIngressWithClass.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Origin } from '#base/origin.ts';
import type { IngressSettings } from '#model/ingress-settings.ts';

type Ingress = KindMap['Ingress'];

const classAnnotation = 'kubernetes.io/ingress.class';
const istioController = 'istio.io/ingress-controller';

/** Undefined where it is served; otherwise why not. The annotation decides alone where it is there, then the IngressClass, then the mode. */
export function whyNotServed(ingress: Ingress, classes: ResourcesByKind['IngressClass'], settings: IngressSettings): Diagnostic | undefined {
  const { metadata, spec, origins } = ingress;
  const { mode, className } = settings;
  const refuse = (because: string, at: Origin): Diagnostic => notServed(ingress, because, at, className);
  const annotation = metadata.annotations[classAnnotation];
  if (annotation !== undefined) {
    const at = origins.at(['metadata', 'annotations', classAnnotation]);
    if (mode === 'OFF') return { ...refuse('MeshConfig.ingressControllerMode is OFF', at), hint: 'say ingressControllerMode: STRICT in MeshConfig' };
    return annotation === className ? undefined : refuse(`its class is ${annotation}, and the mesh serves ${className}`, at);
  }
  const name = spec?.ingressClassName;
  const named = name === undefined ? undefined : classes.get(name);
  if (named !== undefined) {
    const controller = named.spec?.controller ?? '';
    return controller === istioController
      ? undefined
      : refuse(`IngressClass ${name} belongs to ${controller}`, origins.at(['spec', 'ingressClassName']));
  }
  if (mode === 'DEFAULT') return undefined;
  if (name !== undefined) return refuse(`there is no IngressClass ${name}`, origins.at(['spec', 'ingressClassName']));
  return refuse('it names no class', origins.start);
}

function notServed({ metadata }: Ingress, because: string, at: Origin, className: string): Diagnostic {
  return {
    code: 'HDL0034',
    severity: 'warning',
    message: `Ingress ${metadata.namespace}/${metadata.name} is not served: ${because}`,
    hint: `name an IngressClass whose controller is ${istioController}, or set the annotation ${classAnnotation}: ${className}`,
    at,
  };
}
