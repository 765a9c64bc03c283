// kubectl's -o jsonpath, the part of it that scripts use: text, `{.a.b}`, `{.items[0].x}`, `{.items[*].x}`, `{['a.b']}`, `{.a\.b}`, `{"\n"}`, and
// `{range .items[*]}…{end}`. In: a template and a value. Out: the text, or what of the template cannot be read.
// https://kubernetes.io/docs/reference/kubectl/jsonpath/
import { failed, ok, type Result } from '#base/result.ts';

export function jsonpath(template: string, value: unknown): Result<string, string> {
  const parts = [...template.matchAll(/\{((?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^{}])*)\}|([^{]+)/gs)];
  if (parts.reduce((sum, [whole]) => sum + whole.length, 0) !== template.length) return failed(template);
  const tokens = parts.map(([, inside, text]): Token => (inside === undefined ? { kind: 'text', text: text ?? '' } : readToken(inside.trim())));
  const wrong = tokens.find((token) => token.kind === 'wrong');
  if (wrong !== undefined) return failed(wrong.text);
  return ok(print(tokens, 0, value).text);
}

type Step = { readonly kind: 'field'; readonly name: string } | { readonly kind: 'item'; readonly index: number } | { readonly kind: 'all' };
type Token =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'path'; readonly steps: readonly Step[] }
  | { readonly kind: 'range'; readonly steps: readonly Step[] }
  | { readonly kind: 'end' }
  | { readonly kind: 'wrong'; readonly text: string };

function readToken(text: string): Token {
  if (text === 'end') return { kind: 'end' };
  const quoted = /^"((?:\\.|[^"\\])*)"$/s.exec(text)?.[1] ?? /^'((?:\\.|[^'\\])*)'$/s.exec(text)?.[1];
  if (quoted !== undefined)
    return {
      kind: 'text',
      text: quoted
        .replaceAll('\\n', '\n')
        .replaceAll('\\t', '\t')
        .replaceAll(/\\(["'\\])/g, '$1'),
    };
  const range = /^range\s+(.*)$/s.exec(text)?.[1];
  const steps = readSteps(range ?? text);
  if (steps === undefined) return { kind: 'wrong', text };
  return range === undefined ? { kind: 'path', steps } : { kind: 'range', steps };
}

function readSteps(text: string): readonly Step[] | undefined {
  const found = [...text.matchAll(/^[$@]|\.((?:\\.|[^.[\]\\])*)|\[(\*|-?\d+|'[^']*'|"[^"]*")\]/g)];
  if (found.reduce((sum, [whole]) => sum + whole.length, 0) !== text.length) return undefined;
  return found.flatMap(([whole, field, inside]): readonly Step[] => {
    if (whole === '$' || whole === '@' || field === '') return [];
    if (field === '*' || inside === '*') return [{ kind: 'all' }];
    if (field !== undefined) return [{ kind: 'field', name: field.replaceAll(/\\(.)/g, '$1') }];
    const name = /^['"](.*)['"]$/.exec(inside ?? '')?.[1];
    return [name === undefined ? { kind: 'item', index: Number(inside) } : { kind: 'field', name }];
  });
}

function walk(steps: readonly Step[], value: unknown): readonly unknown[] {
  return steps.reduce<readonly unknown[]>((values, step) => values.flatMap((one) => take(step, one)), [value]);
}

function take(step: Step, value: unknown): readonly unknown[] {
  if (step.kind === 'all') return typeof value === 'object' && value !== null ? Object.values(value) : [];
  if (step.kind === 'item') {
    const item: unknown = Array.isArray(value) ? value.at(step.index) : undefined;
    return item === undefined ? [] : [item];
  }
  const field: unknown = typeof value === 'object' && value !== null ? Object.entries(value).find(([name]) => name === step.name)?.[1] : undefined;
  return field === undefined ? [] : [field];
}

/** Prints from the token at `at` to the end, or to the `end` of the range that it is in. */
function print(tokens: readonly Token[], at: number, value: unknown): { readonly text: string; readonly next: number } {
  let text = '';
  let index = at;
  for (; index < tokens.length; index++) {
    const token = tokens[index];
    if (token === undefined || token.kind === 'end') return { text, next: index };
    if (token.kind === 'text') text += token.text;
    if (token.kind === 'path') text += walk(token.steps, value).map(shown).join(' ');
    if (token.kind === 'range') {
      const items = walk(token.steps, value);
      const inner = items.map((item) => print(tokens, index + 1, item));
      text += inner.map((one) => one.text).join('');
      index = (inner[0] ?? print(tokens, index + 1, undefined)).next;
    }
  }
  return { text, next: index };
}

function shown(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
