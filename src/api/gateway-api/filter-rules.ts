// What the CRDs of HTTPRoute and GRPCRoute demand of filters beyond their schema (their CEL rules).
import { type Finding, invalid, type Path } from '#api/finding.ts';
import type { CorsFilter, GrpcFilter, HttpFilter, PathModifier, RequestMirror } from '#api/gateway-api/filters.ts';
import { checkHeaderModifier, checkHeaderName, checkUnique } from '#api/gateway-api/header-rules.ts';

type Filter = HttpFilter | GrpcFilter;

/** Type → the field that says more about it. */
const fieldOfType: Readonly<Record<HttpFilter['type'], string>> = {
  RequestHeaderModifier: 'requestHeaderModifier',
  ResponseHeaderModifier: 'responseHeaderModifier',
  RequestMirror: 'requestMirror',
  RequestRedirect: 'requestRedirect',
  URLRewrite: 'urlRewrite',
  CORS: 'cors',
  ExternalAuth: 'externalAuth',
  ExtensionRef: 'extensionRef',
};

/** The ones of which a rule may have several. */
const repeatable: ReadonlySet<string> = new Set(['RequestMirror', 'ExtensionRef']);

const redirectStatuses: readonly number[] = [301, 302, 303, 307, 308];

export function checkFilters(filters: readonly Filter[], path: Path): readonly Finding[] {
  return filters.flatMap((filter, index) => {
    const at = [...path, index];
    const isRepeated = !repeatable.has(filter.type) && filters.slice(0, index).some(({ type }) => type === filter.type);
    return [
      ...checkFields(filter, at),
      ...(isRepeated ? [invalid([...at, 'type'], 'value', `a rule can have one filter of type ${filter.type}`, 'join the two')] : []),
      ...checkHeaderModifier(filter.requestHeaderModifier ?? {}, [...at, 'requestHeaderModifier']),
      ...checkHeaderModifier(filter.responseHeaderModifier ?? {}, [...at, 'responseHeaderModifier']),
      ...checkMirror(filter.requestMirror, [...at, 'requestMirror']),
      ...('cors' in filter ? checkCors(filter.cors ?? {}, [...at, 'cors']) : []),
      ...('urlRewrite' in filter ? checkPath(filter.urlRewrite?.path, [...at, 'urlRewrite', 'path']) : []),
      ...('requestRedirect' in filter ? checkRedirect(filter, [...at, 'requestRedirect']) : []),
    ];
  });
}

/** The field of its own type must be there, and none of another's. */
function checkFields(filter: Filter, path: Path): readonly Finding[] {
  const wanted = fieldOfType[filter.type];
  const strange = Object.keys(filter).filter((field) => field !== 'type' && field !== wanted);
  return [
    ...(wanted in filter ? [] : [invalid([...path, 'type'], 'key', `a filter of type ${filter.type} needs ${wanted}`)]),
    ...strange.map((field) => invalid([...path, field], 'key', `${field} cannot stand in a filter of type ${filter.type}`)),
  ];
}

/** HTTP or HTTPS with a host that may begin with a wildcard, or all of it one; and a port. */
const corsOrigin = /^(?:\*|https?:\/\/(?:(?:\*\.)?(?:[a-zA-Z0-9-]+\.)*[a-zA-Z0-9-]+|\*)(?::\d{1,5})?)$/;

function checkCors(cors: CorsFilter, path: Path): readonly Finding[] {
  const { allowOrigins = [], allowHeaders = [], exposeHeaders = [] } = cors;
  const lists = ['allowOrigins', 'allowMethods', 'allowHeaders', 'exposeHeaders'] as const;
  return [
    ...lists.flatMap((list) => checkUnique(cors[list] ?? [], [...path, list])),
    // Not of exposeHeaders, where * is one name among others.
    ...lists.slice(0, 3).flatMap((list) => {
      const values = cors[list] ?? [];
      return values.includes('*') && values.length > 1
        ? [invalid([...path, list], 'key', `* stands for all of ${list}, alone`, 'leave the others out')]
        : [];
    }),
    ...allowOrigins.flatMap((origin, index) =>
      corsOrigin.test(origin)
        ? []
        : [invalid([...path, 'allowOrigins', index], 'value', `${JSON.stringify(origin)} is no origin`, 'such as https://shop.example.com')],
    ),
    ...allowHeaders.flatMap((name, index) => checkHeaderName(name, [...path, 'allowHeaders', index])),
    ...exposeHeaders.flatMap((name, index) => checkHeaderName(name, [...path, 'exposeHeaders', index])),
  ];
}

function checkMirror(mirror: RequestMirror | undefined, path: Path): readonly Finding[] {
  if (mirror?.fraction === undefined) return [];
  const { numerator, denominator = 100 } = mirror.fraction;
  return [
    ...(mirror.percent === undefined
      ? []
      : [invalid([...path, 'percent'], 'key', 'only one of percent and fraction may be set', 'keep one of them')]),
    ...(numerator > denominator ? [invalid([...path, 'fraction'], 'key', 'the numerator cannot be greater than the denominator')] : []),
  ];
}

function checkRedirect({ requestRedirect: redirect }: HttpFilter, path: Path): readonly Finding[] {
  const status = redirect?.statusCode;
  const isKnown = status === undefined || redirectStatuses.includes(status);
  return [
    ...(isKnown ? [] : [invalid([...path, 'statusCode'], 'value', `statusCode must be ${redirectStatuses.join(', ')}, not ${status}`)]),
    ...checkPath(redirect?.path, [...path, 'path']),
  ];
}

function checkPath(modifier: PathModifier | undefined, path: Path): readonly Finding[] {
  if (modifier === undefined) return [];
  const wanted = modifier.type === 'ReplaceFullPath' ? 'replaceFullPath' : 'replacePrefixMatch';
  const other = modifier.type === 'ReplaceFullPath' ? 'replacePrefixMatch' : 'replaceFullPath';
  return [
    ...(modifier[wanted] === undefined ? [invalid([...path, wanted], 'key', `type ${modifier.type} needs ${wanted}`)] : []),
    ...(modifier[other] === undefined ? [] : [invalid([...path, other], 'key', `${other} cannot stand beside type ${modifier.type}`)]),
  ];
}

/** Whether one of the filters replaces the prefix of the path that matched. */
export function replacesPrefix(filters: readonly HttpFilter[]): boolean {
  return filters.some(({ urlRewrite, requestRedirect }) => (urlRewrite?.path ?? requestRedirect?.path)?.type === 'ReplacePrefixMatch');
}
