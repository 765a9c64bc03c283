// What changes of headers may say. Source: Istio, ValidateHTTPHeaderOperationName, ValidateHTTPHeaderValue and validateAuthorityRewrite.
import { type Finding, invalid, type Path } from '#api/finding.ts';
import type { HttpRoute } from '#api/istio/virtual-service.ts';

type Headers = NonNullable<HttpRoute['headers']>;

/** A token of RFC 9110, section 5.6.2. */
export const headerName = /^[!#$%&'*+\-.^_`|~A-Za-z0-9]+$/;

/** Control characters, which no header may hold. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/** Text, `%%`, and commands such as `%REQ(x-id)%` or `%START_TIME%`. */
const format = /^(?:[^%]|%%|%[A-Za-z0-9_.]+(?:\([^)]*\))?(?::\d+)?%)*$/;

/** `authority`: what the rule's rewrite has set already. Host may be set once, for requests only. */
export function checkHeaderChanges({ request, response }: Headers, path: Path, authority: string | undefined): readonly Finding[] {
  const authorities = (['set', 'add'] as const).flatMap((operation) =>
    Object.keys(request?.[operation] ?? {})
      .filter(isAuthority)
      .map((name) => [...path, 'request', operation, name]),
  );
  const tooMany = authorities.slice(authority === undefined || authority === '' ? 1 : 0);
  return [
    ...checkChanges(request, [...path, 'request'], isAuthority),
    ...checkChanges(response, [...path, 'response'], () => false),
    ...tooMany.map((at) => invalid(at, 'key', 'the host of the request is set twice', 'keep one of rewrite.authority and the changes of Host')),
  ];
}

function checkChanges(changes: Headers['request'], path: Path, mayChange: (name: string) => boolean): readonly Finding[] {
  const values = (['set', 'add'] as const).flatMap((operation) =>
    Object.entries(changes?.[operation] ?? {}).flatMap(([name, value]) => [
      ...(mayChange(name) ? [] : checkName(name, [...path, operation, name], 'key')),
      ...checkValue(value, [...path, operation, name]),
    ]),
  );
  return [...values, ...(changes?.remove ?? []).flatMap((name, index) => checkName(name, [...path, 'remove', index], 'value'))];
}

function checkName(name: string, path: Path, part: 'key' | 'value'): readonly Finding[] {
  if (name === '') return [invalid(path, part, 'a header needs a name')];
  if (name.startsWith(':') || name.toLowerCase() === 'host') return [invalid(path, part, `${name} is no header that can be changed here`)];
  return [];
}

function checkValue(value: string, path: Path): readonly Finding[] {
  if (controls.test(value)) return [invalid(path, 'value', 'a header holds no control characters')];
  return format.test(value) ? [] : [invalid(path, 'value', 'a % stands alone: commands are %LIKE_THIS%', 'write %% for the sign itself')];
}

function isAuthority(name: string): boolean {
  return name.toLowerCase() === 'host' || name.toLowerCase() === ':authority';
}
