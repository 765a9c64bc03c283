// The JWT filter in the list of filters: lets the request pass with what is known of its tokens, or answers as Envoy does.
import type { FilterEffects, FilterSubject, FilterVerdict } from '#decide/filter-verdict.ts';
import type { HttpFilterEntry } from '#decide/http-filter.ts';
import { type JwtFailure, jwtFailures, statusCodeOf } from '#decide/jwt-failure.ts';
import { runJwt } from '#decide/jwt-run.ts';
import type { RequestView } from '#decide/views.ts';

/** Where its findings stand in the metadata, whatever the filter is called. */
const metadataName = 'envoy.filters.http.jwt_authn';

const pass: FilterVerdict = { kind: 'pass' };

export function runJwtFilter(
  filter: HttpFilterEntry & { readonly kind: 'jwt' },
  isOff: boolean,
  subject: FilterSubject,
  effects: FilterEffects,
  next: number,
): FilterVerdict {
  const { failure, changes, metadata, reroutes, issuers } = runJwt(filter.jwt, subject.request, subject.timeMs(), isOff);
  if (failure !== undefined) {
    subject.trace?.add({ stage: 'filter', name: filter.name, outcome: 'rejected', because: failure });
    return refusal(filter, failure, subject.request);
  }
  if (issuers.length > 0) {
    subject.trace?.add({ stage: 'filter', name: filter.name, outcome: 'chosen', because: `a token of ${issuers.join(' and of ')} is good` });
  }
  const broken = brokenField(changes?.added ?? []);
  if (broken !== undefined) return unusable(filter.name, broken);
  if (metadata !== undefined) {
    effects.metadata = new Map(effects.metadata).set(metadataName, { ...effects.metadata?.get(metadataName), ...metadata });
  }
  return changes === undefined && !reroutes ? pass : { kind: 'head', changes, reroutes, next };
}

/** The name of a field whose value, a claim, cannot stand in a head. */
function brokenField(fields: readonly string[]): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  // oxlint-disable-next-line no-control-regex
  const at = fields.findIndex((value, index) => index % 2 === 1 && /[\0-\x08\x0a-\x1f\x7f]/.test(value));
  return at === -1 ? undefined : fields[at - 1];
}

/** Source: Envoy, which looks at the head once more before it goes out. */
function unusable(filter: string, field: string): FilterVerdict {
  const body = `invalid header value for: ${field}`;
  const details = `filter_removed_required_request_headers{${body.replaceAll(' ', '_')}}`;
  return { kind: 'answer', filter, answer: { status: 503, flag: 'DPE', details, body, fields: [], headers: [], verbatim: false } };
}

/** Source: Envoy, jwt_authn Filter::onComplete; RFC 6750 section 3. */
function refusal({ name, jwt }: HttpFilterEntry & { readonly kind: 'jwt' }, failure: JwtFailure, request: RequestView): FilterVerdict {
  const status = statusCodeOf(failure);
  const error = failure === jwtFailures.missing ? '' : ', error="invalid_token"';
  const challenge = `Bearer realm="${realmOf(request)}"${error}`;
  return {
    kind: 'answer',
    filter: name,
    answer: {
      status,
      flag: '',
      details: `jwt_authn_access_denied{${failure.replaceAll(/\s/g, '_')}}`,
      body: jwt.staysSilent ? '' : failure,
      fields: jwt.staysSilent ? [] : ['www-authenticate', challenge],
      headers: [],
      verbatim: false,
    },
  };
}

/** What was asked for. Source: Envoy, Http::Utility::buildOriginalUri. */
function realmOf({ scheme, authority, path }: RequestView): string {
  return `${scheme}://${authority}${path.slice(0, maxPathLength)}`;
}

const maxPathLength = 256;
