// What the Gateway API's CRDs demand of the names and values of headers. Envoy would refuse all routes of a proxy for one that breaks them.
import { type Finding, invalid, type Path } from '#api/finding.ts';
import type { HeaderModifier } from '#api/gateway-api/filters.ts';

/** A token of RFC 9110, section 5.6.2. */
const token = /^[\w!#$%&'*+.^`|~-]+$/;
// A header's value is one line.
const lineBreaks = ['\0', '\r', '\n'];

export function checkHeaderName(name: string, path: Path): readonly Finding[] {
  return token.test(name) ? [] : [invalid(path, 'value', `${JSON.stringify(name)} is no name of a header`)];
}

/** Lists that Kubernetes keeps as sets or by name: none of the texts twice. */
export function checkUnique(texts: readonly string[], path: Path): readonly Finding[] {
  return texts.flatMap((text, index) =>
    texts.indexOf(text) < index ? [invalid([...path, index], 'key', `${text} is in the list twice`, 'keep one of them')] : [],
  );
}

export function checkHeaderModifier({ set = [], add = [], remove = [] }: HeaderModifier, path: Path): readonly Finding[] {
  const ofLists = (['set', 'add'] as const).flatMap((list) =>
    (list === 'set' ? set : add).flatMap(({ name, value }, index) => [
      ...checkHeaderName(name, [...path, list, index, 'name']),
      ...(lineBreaks.some((one) => value.includes(one))
        ? [invalid([...path, list, index, 'value'], 'value', 'the value of a header is one line')]
        : []),
    ]),
  );
  return [
    ...ofLists,
    ...remove.flatMap((name, index) => checkHeaderName(name, [...path, 'remove', index])),
    ...checkUnique(
      set.map(({ name }) => name),
      [...path, 'set'],
    ),
    ...checkUnique(
      add.map(({ name }) => name),
      [...path, 'add'],
    ),
    ...checkUnique(remove, [...path, 'remove']),
  ];
}
