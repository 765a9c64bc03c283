// The part of MeshConfig that is about Ingresses.
import { defaultIngressSettings, type IngressSettings } from '#model/ingress-settings.ts';

export type IngressProblem = { readonly field: string; readonly message: string };

/** The fields of MeshConfig that this file reads. */
export const ingressFields = ['ingressControllerMode', 'ingressClass', 'ingressSelector', 'ingressService'] as const;

/** A value that makes no sense keeps Istio's default and is a problem. Source: Istio, getIngressGatewaySelector. */
export function readIngressSettings(config: Readonly<Record<string, unknown>>, problems: IngressProblem[]): IngressSettings {
  const { mode, className, gatewayLabel } = defaultIngressSettings;
  const selector = readText(config, 'ingressSelector', problems);
  const service = readText(config, 'ingressService', problems);
  // The name of the default gateway's Service is not its label; for any other one the two are taken to be the same.
  const fromService = service === undefined || service === 'istio-ingressgateway' ? gatewayLabel : service;
  return {
    mode: readMode(config['ingressControllerMode'], problems) ?? mode,
    className: readText(config, 'ingressClass', problems) ?? className,
    gatewayLabel: selector ?? fromService,
  };
}

function readMode(value: unknown, problems: IngressProblem[]): IngressSettings['mode'] | undefined {
  if (value === undefined || value === 'UNSPECIFIED') return undefined;
  if (value === 'OFF' || value === 'DEFAULT' || value === 'STRICT') return value;
  problems.push({ field: 'ingressControllerMode', message: `'${String(value)}' is none of OFF, DEFAULT, STRICT` });
  return undefined;
}

function readText(config: Readonly<Record<string, unknown>>, field: (typeof ingressFields)[number], problems: IngressProblem[]): string | undefined {
  const value = config[field];
  if (value === undefined || value === '') return undefined;
  if (typeof value === 'string') return value;
  problems.push({ field, message: 'must be a text' });
  return undefined;
}
