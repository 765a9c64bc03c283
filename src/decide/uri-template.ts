// Envoy's path template (extensions/path/match/uri_template): `/users/{id}/files/{rest=**}` to a test of paths. `*` or `{name}` is one segment or a
// part of one, `**` any number of segments, at most one of them and behind every other wildcard. A wildcard takes what RFC 3986 allows in a path segment,
// and literals are of the same characters but for `*`. Differs from Envoy: a literal before a variable in one segment, `/a{x}`, is refused.
import { failed, ok, type Result } from '#base/result.ts';
import { compileRegex } from '#decide/regex.ts';

/** `begin`: the literal text that all paths it matches begin with. */
export type UriTemplate = { readonly matches: (path: string) => boolean; readonly begin: string };

type Segment = { readonly kind: 'literal'; readonly text: string } | { readonly kind: 'one' | 'any' } | Variable;
type Variable = { readonly kind: 'variable'; readonly name: string; readonly parts: readonly Segment[] };
type Parsed = { readonly segments: readonly Segment[]; readonly suffix: string };

/** The hyphen last, where it needs no backslash: the expressions are of the kind that the native engine runs. */
const literal = "a-zA-Z0-9._~%!$&'()+,;:@=-";
/** Of these is what a wildcard takes. */
const taken = `*${literal}`;
const literalText = new RegExp(`^[${literal}]+$`);
const mostVariables = 5;
const longestName = 16;

/** The error is a sentence. The path that `matches` is asked about has no query. */
export function compileUriTemplate(template: string): Result<UriTemplate, string> {
  const parsed = parse(template);
  if (!parsed.ok) return parsed;
  const { segments, suffix } = parsed.value;
  const wrong = checkNames(segments) ?? checkOrder(segments);
  if (wrong !== undefined) return failed(wrong);
  const regex = compileRegex(`/${segments.map(sourceOf).join('/')}${escaped(suffix)}`);
  if (!regex.ok) return failed(regex.error);
  return ok({ matches: regex.value.matches, begin: beginOf(segments, suffix) });
}

function parse(template: string): Result<Parsed, string> {
  if (!/^\/[!-~]*$/.test(template)) return failed(`${template}: must begin with / and be printable`);
  const segments: Segment[] = [];
  let rest = template.slice(1);
  while (rest !== '') {
    const next = takeSegment(rest);
    if (!next.ok) return next;
    segments.push(next.value.segment);
    rest = next.value.rest;
    if (rest === '/') {
      segments.push({ kind: 'literal', text: '' });
      rest = '';
    } else if (rest.startsWith('/')) rest = rest.slice(1);
    else if (rest !== '') return literalText.test(rest) ? ok({ segments, suffix: rest }) : failed(`${rest} cannot follow a wildcard`);
  }
  return ok({ segments, suffix: '' });
}

type Taken = Result<{ readonly segment: Segment; readonly rest: string }, string>;

function takeSegment(text: string): Taken {
  if (text.startsWith('{')) return takeVariable(text);
  return takePlain(text);
}

function takePlain(text: string): Taken {
  if (text.startsWith('**')) return ok({ segment: { kind: 'any' }, rest: text.slice(2) });
  if (text.startsWith('*')) return ok({ segment: { kind: 'one' }, rest: text.slice(1) });
  const end = text.indexOf('/');
  const found = end === -1 ? text : text.slice(0, end);
  return literalText.test(found)
    ? ok({ segment: { kind: 'literal', text: found }, rest: text.slice(found.length) })
    : failed(`${found} is no literal`);
}

function takeVariable(text: string): Taken {
  const end = text.indexOf('}');
  if (end === -1) return failed(`${text}: the bracket is not closed`);
  const [name = '', ...pattern] = text.slice(1, end).split('=');
  if (!/^[a-zA-Z][a-zA-Z0-9_]*$/.test(name)) return failed(`${name} is no name of a variable`);
  const parts: Segment[] = [];
  let rest = pattern.join('=');
  if (pattern.length > 0 && rest === '') return failed(`${text}: a pattern must follow =`);
  while (rest !== '') {
    const next = takePlain(rest);
    if (!next.ok) return next;
    parts.push(next.value.segment);
    rest = next.value.rest;
    if (rest === '') break;
    if (!rest.startsWith('/') || rest.length === 1) return failed(`${rest} cannot follow a wildcard`);
    rest = rest.slice(1);
  }
  return ok({ segment: { kind: 'variable', name, parts }, rest: text.slice(end + 1) });
}

function checkNames(segments: readonly Segment[]): string | undefined {
  const names = segments.flatMap((segment) => (segment.kind === 'variable' ? [segment.name] : []));
  if (names.length > mostVariables) return `more than ${mostVariables} variables`;
  const long = names.find((name) => name.length > longestName);
  if (long !== undefined) return `${long}: names have at most ${longestName} characters`;
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice === undefined ? undefined : `${twice} is there twice`;
}

/** Behind `**` no other wildcard may come. */
function checkOrder(segments: readonly Segment[]): string | undefined {
  const wildcards = segments.flatMap(wildcardsOf);
  const first = wildcards.indexOf('any');
  return first === -1 || first === wildcards.length - 1 ? undefined : 'a wildcard follows **';
}

function wildcardsOf(segment: Segment): readonly ('one' | 'any')[] {
  if (segment.kind === 'literal') return [];
  if (segment.kind !== 'variable') return [segment.kind];
  return segment.parts.length === 0 ? ['one'] : segment.parts.flatMap(wildcardsOf);
}

function sourceOf(segment: Segment): string {
  switch (segment.kind) {
    case 'literal':
      return escaped(segment.text);
    case 'one':
      return `[${taken}]+`;
    case 'any':
      return `[/${taken}]*`;
    case 'variable':
      return segment.parts.length === 0 ? `[${taken}]+` : segment.parts.map(sourceOf).join('/');
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[$()+.]/g, (found) => `\\${found}`);
}

function beginOf(segments: readonly Segment[], suffix: string): string {
  const wild = segments.findIndex(({ kind }) => kind !== 'literal');
  const plain = (wild === -1 ? segments : segments.slice(0, wild)).map((segment) => (segment.kind === 'literal' ? segment.text : ''));
  return wild === -1 ? `/${plain.join('/')}${suffix}` : `/${plain.map((text) => `${text}/`).join('')}`;
}
