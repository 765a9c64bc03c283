// What a policy is attached to by name: a Gateway (Istio's or the Gateway API's) or a Service of the policy's namespace.
import type { Origin } from '#base/origin.ts';

export type TargetReference = { readonly group: string; readonly kind: string; readonly name: string; readonly origin: Origin };
