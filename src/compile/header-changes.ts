// Header changes of a rule or destination as Envoy's four lists. Source: Istio, TranslateHeadersOperations.
import { create } from '#envoy/create.ts';
import { type HeaderValueOption, HeaderValueOption_HeaderAppendAction, HeaderValueOptionSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { HeaderChange, HeaderChanges, MessageHeaders } from '#model/header-changes.ts';

export type EnvoyHeaderChanges = {
  readonly requestHeadersToAdd: HeaderValueOption[];
  readonly requestHeadersToRemove: string[];
  readonly responseHeadersToAdd: HeaderValueOption[];
  readonly responseHeadersToRemove: string[];
};

/** Of several, in order: those of the rule before those of its only destination. */
export function headerChanges(...headers: readonly (MessageHeaders | undefined)[]): Partial<EnvoyHeaderChanges> {
  if (headers.every((one) => one === undefined)) return noChanges;
  const given = headers.filter((one) => one !== undefined);
  return {
    requestHeadersToAdd: given.flatMap(({ request }) => additions(request)),
    requestHeadersToRemove: given.flatMap(({ request }) => [...request.remove]),
    responseHeadersToAdd: given.flatMap(({ response }) => additions(response)),
    responseHeadersToRemove: given.flatMap(({ response }) => [...response.remove]),
  };
}

const noChanges: Partial<EnvoyHeaderChanges> = {};

function additions({ set, add }: HeaderChanges): readonly HeaderValueOption[] {
  const { OVERWRITE_IF_EXISTS_OR_ADD, APPEND_IF_EXISTS_OR_ADD } = HeaderValueOption_HeaderAppendAction;
  return [...set.map((change) => option(change, OVERWRITE_IF_EXISTS_OR_ADD)), ...add.map((change) => option(change, APPEND_IF_EXISTS_OR_ADD))];
}

function option({ name, value }: HeaderChange, appendAction: HeaderValueOption_HeaderAppendAction): HeaderValueOption {
  return create(HeaderValueOptionSchema, { header: { key: name, value: escapePercent(value) }, appendAction });
}

/** A percent sign that begins no command of Envoy's stands for itself: written once, Envoy would refuse all routes for it. */
function escapePercent(value: string): string {
  return value.replace(/%(%|[A-Z][A-Z0-9_]*(?:\([^)]*\))?(?::\d+)?%)?/g, (found, rest: string | undefined) => (rest === undefined ? '%%' : found));
}
