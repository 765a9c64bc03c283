// The ext_authz filter in the list of filters: whether a request is to be checked, and what the authoriser's answer makes of it. The asking itself
// is for whoever runs the filters. Source: Envoy, ext_authz Filter::decodeHeaders and onComplete.
import type { JsonObject } from '@bufbuild/protobuf';
import type { ExtAuthzEntry, ExtAuthzOfRoute } from '#decide/ext-authz-entry.ts';
import type { FieldChange, QueryChange } from '#decide/field-change.ts';
import type { FilterAnswer, FilterEffects, FilterSubject, FilterVerdict } from '#decide/filter-verdict.ts';
import type { HttpFilterEntry, RouteFilter } from '#decide/http-filter.ts';

/** What the authoriser said; `error`: nothing that can be used, or not in time. */
export type CheckAnswer =
  | {
      readonly kind: 'allowed';
      readonly request: readonly FieldChange[];
      readonly query: readonly QueryChange[];
      readonly response: readonly FieldChange[];
      readonly metadata: JsonObject;
    }
  | {
      readonly kind: 'denied';
      readonly status: number;
      readonly body: string | Uint8Array;
      readonly response: readonly FieldChange[];
      readonly metadata: JsonObject;
    }
  | { readonly kind: 'error'; readonly because: string };

/** What to do now. `changes` are for the request, which is routed anew where `reroutes`. */
export type CheckResult =
  | { readonly kind: 'pass'; readonly changes: readonly FieldChange[]; readonly query: readonly QueryChange[]; readonly reroutes: boolean }
  | { readonly kind: 'answer'; readonly answer: FilterAnswer; readonly because: string };

const pass: FilterVerdict = { kind: 'pass' };
const metadataName = 'envoy.filters.http.ext_authz';

export function runExtAuthz(
  { name, authz }: HttpFilterEntry & { readonly kind: 'ext-authz' },
  said: RouteFilter | undefined,
  subject: FilterSubject,
  effects: FilterEffects,
  next: number,
): FilterVerdict {
  // Envoy asks nobody about requests that no route takes.
  if (subject.decision.kind === 'no-route' || subject.decision.kind === 'no-virtual-host') return pass;
  const isEnabled = (authz.enabled >= 1 || subject.random() < authz.enabled) && authz.enabledBy?.(effects.metadata) !== false;
  if (!isEnabled) {
    if (!authz.deniesUnchecked) {
      subject.trace?.add({ stage: 'filter', name, outcome: 'skipped', because: 'nobody is asked about requests like this' });
      return pass;
    }
    return { kind: 'answer', filter: name, answer: answerOf(authz.statusOnError, 'ext_authz_error', '') };
  }
  subject.trace?.add({ stage: 'filter', name, outcome: 'chosen', because: `${authz.service.cluster} is asked whether the request may pass` });
  const ofRoute: ExtAuthzOfRoute | undefined = said?.kind === 'ext-authz' ? said.check : undefined;
  const body = ofRoute?.body === undefined ? authz.body : ofRoute.body === 'none' ? undefined : ofRoute.body;
  return { kind: 'check', filter: name, authz, body, context: ofRoute?.context ?? {}, next };
}

/** `durationMs`: how long the authoriser took. */
export function applyCheck(authz: ExtAuthzEntry, answer: CheckAnswer, effects: FilterEffects, durationMs: number): CheckResult {
  if (answer.kind === 'error') return onError(authz, answer.because);
  if (authz.takesMetadata && Object.keys(answer.metadata).length > 0) {
    const found = answer.kind === 'allowed' ? { ...answer.metadata, ext_authz_duration: Math.floor(durationMs) } : answer.metadata;
    effects.metadata = new Map(effects.metadata).set(metadataName, { ...effects.metadata?.get(metadataName), ...found });
  }
  if (authz.validatesChanges && !areValid(answer)) {
    return { kind: 'answer', answer: answerOf(500, 'ext_authz_invalid', ''), because: 'its answer changes what cannot be' };
  }
  if (answer.kind === 'denied') {
    const fields = answer.response.filter(({ name }) => !ofTheMessage.has(name)).flatMap(({ name, value }) => [name, value]);
    const reply = { ...answerOf(answer.status, 'ext_authz_denied', answer.body), fields };
    return { kind: 'answer', answer: reply, because: `it says no, with status ${answer.status}` };
  }
  const { request, query, response } = answer;
  const changes = request.filter(({ kind, name }) => kind !== 'remove' || isRemovable(name));
  if (response.length > 0) effects.changes = [...effects.changes, ...response];
  return { kind: 'pass', changes, query, reroutes: authz.clearsRoute && request.length + query.length > 0 };
}

function onError(authz: ExtAuthzEntry, because: string): CheckResult {
  if (!authz.failureModeAllow) {
    return { kind: 'answer', answer: answerOf(authz.statusOnError, 'ext_authz_error', ''), because };
  }
  const mark: FieldChange = { kind: 'add', name: 'x-envoy-auth-failure-mode-allowed', value: 'true' };
  return { kind: 'pass', changes: authz.marksFailure ? [mark] : [], query: [], reroutes: false };
}

function answerOf(status: number, details: string, body: string | Uint8Array): FilterAnswer {
  return { status, flag: 'UAEX', details, body, fields: [], headers: [], verbatim: false };
}

/** Of an authoriser's response that becomes ours: what belongs to that message alone. */
const ofTheMessage: ReadonlySet<string> = new Set([':status', 'content-length', 'transfer-encoding', 'connection', 'keep-alive']);

/** Without them a request would be none. */
function isRemovable(name: string): boolean {
  return name !== 'host' && !name.startsWith(':');
}

function areValid(answer: Exclude<CheckAnswer, { readonly kind: 'error' }>): boolean {
  const changed = answer.kind === 'allowed' ? [...answer.request.filter(({ kind }) => kind !== 'remove'), ...answer.response] : answer.response;
  const query = answer.kind === 'allowed' ? answer.query : [];
  return (
    changed.every(({ name, value }) => /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name) && /^[^\0\r\n]*$/.test(value)) &&
    query.every(({ name, value = '' }) => isEncoded(name) && isEncoded(value))
  );
}

function isEncoded(text: string): boolean {
  return /^(?:[A-Za-z0-9\-._~]|%[0-9A-Fa-f]{2})*$/.test(text);
}
