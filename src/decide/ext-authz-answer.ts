// What an external authoriser's response means, whether it came as a CheckResponse or as an HTTP response. Source: Envoy, GrpcClientImpl::onSuccess
// and RawHttpClientImpl::toResponse.
import { fromBinary, type JsonObject } from '@bufbuild/protobuf';
import type { HttpAuthorizer } from '#decide/ext-authz-entry.ts';
import type { CheckAnswer } from '#decide/ext-authz-filter.ts';
import type { FieldChange } from '#decide/field-change.ts';
import { HeaderValueOption_HeaderAppendAction as AppendAction, type HeaderValueOption } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { CheckResponseSchema } from '#envoy/gen/envoy/service/auth/v3/external_auth_pb.js';

const forbidden = 403;

/** CheckResponse.error_response. */
const errorResponseField = 5;

/** `message`: the bytes of a CheckResponse. What is none is an error. */
export function readCheckResponse(message: Uint8Array): CheckAnswer {
  try {
    return answerOf(message);
  } catch (error) {
    return { kind: 'error', because: `its answer is no CheckResponse: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function answerOf(message: Uint8Array): CheckAnswer {
  const response = fromBinary(CheckResponseSchema, message);
  const { status, httpResponse: http, dynamicMetadata } = response;
  // The protos at hand do not know it; whatever else it says, it is none that lets pass.
  if (response.$unknown?.some(({ no }) => no === errorResponseField) === true) return { kind: 'error', because: 'it says that it failed itself' };
  const metadata: JsonObject = (http.case === 'okResponse' ? http.value.dynamicMetadata : undefined) ?? dynamicMetadata ?? {};
  if ((status?.code ?? 0) !== 0) {
    const denied = http.case === 'deniedResponse' ? http.value : undefined;
    const code = denied?.status?.code ?? 0;
    return {
      kind: 'denied',
      status: code === 0 ? forbidden : code,
      body: denied?.body ?? '',
      response: (denied?.headers ?? []).map((option) => changeOf(option, 'set')),
      metadata,
    };
  }
  const ok = http.case === 'okResponse' ? http.value : undefined;
  return {
    kind: 'allowed',
    request: [
      ...(ok?.headers ?? []).map((option) => changeOf(option, option.append === true ? 'append' : 'set')),
      ...(ok?.headersToRemove ?? []).map((name): FieldChange => ({ kind: 'remove', name: name.toLowerCase(), value: '' })),
    ].toSorted((a, b) => order[a.kind] - order[b.kind]),
    query: [
      ...(ok?.queryParametersToSet ?? []).map(({ key, value }) => ({ name: key, value })),
      ...(ok?.queryParametersToRemove ?? []).map((name) => ({ name, value: undefined })),
    ],
    response: (ok?.responseHeadersToAdd ?? [])
      .map((option) => changeOf(option, responseKind(option)))
      .toSorted((a, b) => order[a.kind] - order[b.kind]),
    metadata,
  };
}

/** Envoy makes the changes kind by kind. */
const order: Readonly<Record<FieldChange['kind'], number>> = {
  add: 0,
  'append-or-add': 0,
  set: 1,
  append: 2,
  'add-if-absent': 3,
  'set-if-present': 4,
  remove: 5,
};

function changeOf({ header }: HeaderValueOption, kind: FieldChange['kind']): FieldChange {
  const raw = header?.rawValue;
  const value = raw !== undefined && raw.length > 0 ? Buffer.from(raw).toString('latin1') : (header?.value ?? '');
  return { kind, name: (header?.key ?? '').toLowerCase(), value };
}

function responseKind({ append, appendAction }: HeaderValueOption): FieldChange['kind'] {
  if (append !== undefined) return append ? 'add' : 'set';
  return responseKinds[appendAction];
}

const responseKinds: Readonly<Record<AppendAction, FieldChange['kind']>> = {
  [AppendAction.APPEND_IF_EXISTS_OR_ADD]: 'add',
  [AppendAction.ADD_IF_ABSENT]: 'add-if-absent',
  [AppendAction.OVERWRITE_IF_EXISTS_OR_ADD]: 'set',
  [AppendAction.OVERWRITE_IF_EXISTS]: 'set-if-present',
};

const removedHeaders = 'x-envoy-auth-headers-to-remove';

/** `fields`: name, value, name, value …; names in lower case. */
export function readHttpAnswer(service: HttpAuthorizer, status: number, fields: readonly string[], body: Uint8Array): CheckAnswer {
  if (status >= 500) return { kind: 'error', because: `it answered ${status}` };
  const pairs = pairsOf(fields).filter(([name]) => name !== removedHeaders);
  const picked = (takes: (name: string) => boolean, kind: FieldChange['kind']): FieldChange[] =>
    pairs.filter(([name]) => takes(name)).map(([name, value]) => ({ kind, name, value }));
  const metadata: JsonObject = Object.fromEntries(pairs.filter(([name]) => service.toMetadata(name)));
  if (status !== 200) {
    return { kind: 'denied', status, body, response: picked(service.toDeniedClient, 'set'), metadata };
  }
  const removed = pairsOf(fields).flatMap(([name, value]) => (name === removedHeaders ? value.split(',') : []));
  return {
    kind: 'allowed',
    request: [
      ...picked(service.toUpstream, 'set'),
      ...picked(service.besideUpstream, 'add'),
      ...removed.flatMap((name): FieldChange[] => (name.trim() === '' ? [] : [{ kind: 'remove', name: name.trim().toLowerCase(), value: '' }])),
    ],
    query: [],
    response: picked(service.toAllowedClient, 'add'),
    metadata,
  };
}

function pairsOf(fields: readonly string[]): readonly [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at < fields.length; at += 2) pairs.push([fields[at] ?? '', fields[at + 1] ?? '']);
  return pairs;
}
