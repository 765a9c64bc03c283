// Random AuthorizationPolicies and calls, of few words, so that they meet; and what Istio's documentation says of each, read as it stands: an oracle
// that knows nothing of Envoy.
import fc from 'fast-check';
import { requestOf, stageHost, type TableCall, type TableCase } from '#test/authorization/stage.ts';

type Policy = TableCase['policies'][number];
type Rule = {
  readonly from?: readonly { readonly source: Fields }[];
  readonly to?: readonly { readonly operation: Fields }[];
  readonly when?: readonly When[];
};
type Fields = Readonly<Record<string, readonly string[]>>;
type When = { readonly key: string; readonly values?: readonly string[]; readonly notValues?: readonly string[] };

/** The words of each field; any of them may stand in its negation, too. */
const words = {
  principals: ['*', 'cluster.local/ns/shop/sa/web', 'cluster.local/ns/shop/*', '*/sa/web', 'cluster.local/ns/pay/sa/till'],
  namespaces: ['shop', 'pay', 's*', '*y', '*', 'p*y'],
  ipBlocks: ['127.0.0.0/8', '10.0.0.0/8', '10.1.2.3'],
  methods: ['GET', 'POST', 'P*', '*'],
  paths: ['/a', '/a/*', '*.png', '/a/{*}', '/{**}', '*'],
  hosts: ['a.example', '*.example', 'A.EXAMPLE', 'a.*'],
  ports: ['8080', '9090'],
} as const;

const headerWords = ['x', 'x*', '*y', '*'] as const;

const list = (of: readonly string[]): fc.Arbitrary<readonly string[]> => fc.uniqueArray(fc.constantFrom(...of), { minLength: 1, maxLength: 2 });

function fields(names: readonly (keyof typeof words)[]): fc.Arbitrary<Fields> {
  const entry = fc
    .constantFrom(...names)
    .chain((name) =>
      fc
        .boolean()
        .chain((isNot) => list(words[name]).map((values) => [isNot ? `not${name.charAt(0).toUpperCase()}${name.slice(1)}` : name, values] as const)),
    );
  return fc.array(entry, { minLength: 1, maxLength: 3 }).map((entries) => Object.fromEntries(entries));
}

const condition: fc.Arbitrary<When> = fc
  .constantFrom<readonly [string, readonly string[]]>(
    ['request.headers[x-role]', headerWords],
    ['source.namespace', words.namespaces],
    ['source.ip', words.ipBlocks],
    ['destination.port', words.ports],
  )
  .chain(([key, of]) => fc.boolean().chain((isNot) => list(of).map((values) => (isNot ? { key, notValues: values } : { key, values }))));

const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<readonly Value[] | undefined> =>
  fc.option(fc.array(value, { minLength: 1, maxLength: 2 }), { nil: undefined });

const rule: fc.Arbitrary<Rule> = fc
  .tuple(
    maybe(fields(['principals', 'namespaces', 'ipBlocks']).map((source) => ({ source }))),
    maybe(fields(['methods', 'paths', 'hosts', 'ports']).map((operation) => ({ operation }))),
    maybe(condition),
  )
  .map(([from, to, when]) => ({ ...(from !== undefined && { from }), ...(to !== undefined && { to }), ...(when !== undefined && { when }) }));

const policy: fc.Arbitrary<Policy> = fc
  .tuple(fc.constantFrom('ALLOW', 'DENY'), fc.array(rule, { minLength: 1, maxLength: 2 }))
  .map(([action, rules]) => ({ spec: { action, rules } }));

export const randomPolicies: fc.Arbitrary<readonly Policy[]> = fc.array(policy, { minLength: 1, maxLength: 3 });

const call: fc.Arbitrary<TableCall> = fc
  .record({
    by: fc.option(fc.constantFrom('shop/web', 'shop/other', 'pay/till', 'pay/web'), { nil: undefined }),
    request: fc.constantFrom('GET /a', 'GET /a/b', 'GET /a/b/c.png', 'POST /a', 'PUT /', 'DELETE /x.png', 'bytes'),
    host: fc.constantFrom(stageHost, 'a.example', 'b.example', 'A.example'),
    role: fc.option(fc.constantFrom('x', 'xy', 'z'), { nil: undefined }),
  })
  .map(({ by, request, host, role }) => ({
    ...(by !== undefined && { by }),
    ...(request === 'bytes' ? { bytes: true as const } : { call: request }),
    headers: { host, ...(role !== undefined && { 'x-role': role }) },
    allowed: true,
  }));

export const randomCalls: fc.Arbitrary<readonly TableCall[]> = fc.array(call, { minLength: 4, maxLength: 4 });

/** Denials first; then, where anything is permitted at all, only that. */
export function isPermitted(policies: readonly Policy[], asked: TableCall): boolean {
  const rules = (action: string): readonly Rule[] => policies.flatMap(({ spec }) => rulesOf(spec, action));
  if (rules('DENY').some((one) => holds(one, asked, 'DENY'))) return false;
  const permits = policies.some(({ spec }) => (spec as { readonly action: string }).action === 'ALLOW'); // made above
  return !permits || rules('ALLOW').some((one) => holds(one, asked, 'ALLOW'));
}

function rulesOf(spec: unknown, action: string): readonly Rule[] {
  const written = spec as { readonly action: string; readonly rules: readonly Rule[] }; // made above
  return written.action === action ? written.rules : [];
}

const ofHttp: readonly string[] = ['methods', 'paths', 'hosts', 'request.headers[x-role]'];

/** On bytes a permission that asks for HTTP never holds; of a denial only the rest counts. */
function holds({ from = [], to = [], when = [] }: Rule, asked: TableCall, action: string): boolean {
  const parts = [...from.map(({ source }) => source), ...to.map(({ operation }) => operation)];
  const conditions = when.map(({ key, values = [], notValues = [] }): Test => ({ name: key, values, not: notValues }));
  const isBytes = asked.bytes === true;
  const asks = [...parts.flatMap(testsOf), ...conditions].some(({ name }) => ofHttp.includes(name));
  if (isBytes && action === 'ALLOW' && asks) return false;
  const all = (tests: readonly Test[]): boolean => tests.every((one) => (isBytes && ofHttp.includes(one.name)) || passes(one, asked));
  return (
    (from.length === 0 || from.some(({ source }) => all(testsOf(source)))) &&
    (to.length === 0 || to.some(({ operation }) => all(testsOf(operation)))) &&
    all(conditions)
  );
}

type Test = { readonly name: string; readonly values: readonly string[]; readonly not: readonly string[] };

/** Only what is asked. */
function testsOf(of: Fields): readonly Test[] {
  return Object.keys(words)
    .map((name) => ({ name, values: of[name] ?? [], not: of[`not${name.charAt(0).toUpperCase()}${name.slice(1)}`] ?? [] }))
    .filter(({ values, not }) => values.length + not.length > 0);
}

function passes({ name, values, not }: Test, asked: TableCall): boolean {
  const meets = (value: string): boolean => meetsValue(name, value, asked);
  return (values.length === 0 || values.some(meets)) && !not.some(meets);
}

function meetsValue(name: string, value: string, asked: TableCall): boolean {
  const request = requestOf(asked);
  const [namespace] = asked.by?.split('/') ?? [];
  switch (name) {
    case 'principals':
      return asked.by !== undefined && wild(value, `cluster.local/ns/${namespace}/sa/${asked.by.split('/')[1]}`);
    case 'namespaces':
    case 'source.namespace':
      return namespace !== undefined && value.split('*').length - 1 < 2 && glob(value, namespace);
    case 'ipBlocks':
    case 'source.ip':
      return value === '127.0.0.0/8';
    case 'ports':
    case 'destination.port':
      return value === (asked.bytes === true ? '9090' : '8080');
    case 'methods':
      return wild(value, request?.method ?? '');
    case 'paths':
      return path(value, request?.path ?? '');
    case 'hosts':
      return wild(value.toLowerCase(), (asked.headers?.['host'] ?? '').toLowerCase());
    default: {
      const role = asked.headers?.['x-role'];
      return role !== undefined && wild(value, role);
    }
  }
}

function wild(value: string, text: string): boolean {
  if (value === '*') return text !== '';
  if (value.startsWith('*')) return text.endsWith(value.slice(1));
  return value.endsWith('*') ? text.startsWith(value.slice(0, -1)) : text === value;
}

function glob(value: string, text: string): boolean {
  const star = value.indexOf('*');
  if (star < 0) return value === text;
  const [head, tail] = [value.slice(0, star), value.slice(star + 1)];
  return text.length >= head.length + tail.length && text.startsWith(head) && text.endsWith(tail);
}

function path(value: string, text: string): boolean {
  if (value === '/{**}') return text.startsWith('/');
  if (value === '/a/{*}') return text.startsWith('/a/') && text.length > 3 && !text.slice(3).includes('/');
  return wild(value, text);
}
