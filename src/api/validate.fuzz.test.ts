// Our validator against ajv on the same schemas: whatever a value looks like, both must agree whether it is valid. And reading must end well for
// any text. Seeds are printed by fast-check where a case fails.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { matchesFormat } from '#api/format.ts';
import { type KindName, kinds } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import type { Format, Schema } from '#api/schema.ts';
import { validate } from '#api/validate.ts';

const formats: readonly Format[] = ['protobuf-duration', 'protobuf-duration-or-zero', 'byte', 'host', 'dns-label', 'dns-subdomain', 'rfc3339'];

/** The schema as ajv understands it: closed objects, and the extensions spelt out. */
function strictSchema(schema: Schema): object {
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return {};
  if (schema['x-kubernetes-int-or-string'] === true) return { type: ['integer', 'string'] };
  const { properties, items, additionalProperties, 'x-at-most-one-of': exclusive = [], ...rest } = schema;
  return {
    ...rest,
    ...(properties !== undefined && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, strictSchema(property)])),
      additionalProperties: false,
    }),
    ...(items !== undefined && { items: strictSchema(items) }),
    ...(additionalProperties !== undefined && { additionalProperties: strictSchema(additionalProperties) }),
    ...(exclusive.length > 0 && { allOf: exclusive.flatMap((group) => pairs(group).map((pair) => ({ not: { required: pair } }))) }),
  };
}

function pairs(words: readonly string[]): readonly (readonly string[])[] {
  return words.flatMap((first, index) => words.slice(index + 1).map((second) => [first, second]));
}

/** Random values of a schema from one seed: mostly fitting, with a mistake here and there. */
class ValueMaker {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number in [0, below). Numerical Recipes' linear congruential generator. */
  #pick(below: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * below);
  }

  #oneOf(choices: readonly unknown[]): unknown {
    return choices[this.#pick(choices.length)];
  }

  make(schema: Schema, depth = 0): unknown {
    if (this.#pick(60) === 0) return this.#oneOf([true, 7, -1, 70_000, '', '*', '80', 1.5, [], {}, ['a'], { a: 1 }]);
    if (schema.enum !== undefined) return this.#pick(40) === 0 ? 'OTHER' : this.#oneOf(schema.enum);
    switch (schema.type) {
      case 'object':
        return this.#makeObject(schema, depth);
      case 'array': {
        const { minItems = 0, items = {} } = schema;
        return Array.from({ length: this.#pick(20) === 0 ? 0 : minItems + this.#pick(2) }, () => this.make(items, depth + 1));
      }
      case 'string':
        return this.#oneOf(['a', 'http', 'b', 'c', '1s', '1s', '1ms', 'YQ==', 'example.com', 'a', 'a', 'a', '2024-01-02T03:04:05Z', 'a b', '0s']);
      case 'integer':
      case 'number':
        return this.#oneOf([80, 1, 2, 50, 80, 1, 2, 50, 0, 200, 65_535, 65_536, 1.5, -1]);
      case 'boolean':
        return this.#pick(2) === 0;
      case undefined:
        return this.#oneOf([1, 'a']);
    }
    return undefined;
  }

  #makeObject({ properties, additionalProperties = {}, required = [] }: Schema, depth: number): unknown {
    if (properties === undefined)
      return Object.fromEntries(['a', 'b'].slice(this.#pick(3)).map((key) => [key, this.make(additionalProperties, depth + 1)]));
    const value: Record<string, unknown> = {};
    for (const [name, property] of Object.entries(properties)) {
      const isWanted = required.includes(name) ? this.#pick(30) > 0 : this.#pick(Object.keys(properties).length) < 3 - depth / 2;
      if (isWanted) value[name] = this.make(property, depth + 1);
    }
    if (this.#pick(60) === 0) value['stray'] = 1;
    return value;
  }
}

for (const kind of [
  'VirtualService',
  'DestinationRule',
  'Gateway',
  'ServiceEntry',
  'Service',
  'EndpointSlice',
  'Pod',
] as const satisfies readonly KindName[]) {
  test(`${kind}: ajv and our validator agree`, () => {
    const ajv = new Ajv({ strict: false, validateFormats: true });
    for (const format of formats) ajv.addFormat(format, (text: string) => matchesFormat(format, text));
    const accepts = ajv.compile(strictSchema(kinds[kind].body));
    let valid = 0;
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const value = new ValueMaker(seed).make(kinds[kind].body);
        const findings = validate(kinds[kind].body, value);
        const isValid = accepts(value);
        if (isValid) valid++;
        assert.equal(findings.length === 0, isValid, JSON.stringify({ findings, ajv: accepts.errors }));
      }),
      { numRuns: 400 },
    );
    assert.ok(valid > 20, `only ${valid} valid values: the generator shows nothing`);
  });
}

test('any text is read to its end: a value or diagnostics, never a throw, and every place is in the text', () => {
  const seedText =
    'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  hosts: [a]\n  http:\n    - &x route:\n        - destination: {host: a}\n---\n- *x\n';
  const piece = fc.constantFrom(
    '\n',
    ' ',
    '  ',
    '- ',
    ': ',
    '---\n',
    '*x',
    '&y ',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '|\n',
    '<<: ',
    '? ',
    '!!str ',
    '#',
    '\t',
    '%',
    '...\n',
    '\u0000',
    '~',
    'null',
    'kind',
    '\uFEFF',
    '\r\n',
  );
  const edit = fc.tuple(fc.nat({ max: seedText.length }), fc.nat({ max: 6 }), piece);
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 6 }), (edits) => {
      const text = edits.reduce((before, [at, drop, insert]) => before.slice(0, at) + insert + before.slice(at + drop), seedText);
      const lines = text.split(/\r\n|\n/).length;
      const { items, syntaxErrors } = readText('f', text);
      for (const { at } of [...syntaxErrors, ...items.flatMap(({ diagnostics }) => diagnostics)])
        assert.ok(at !== undefined && at.line >= 1 && at.line <= lines && at.col >= 1);
    }),
    { numRuns: 800 },
  );
});
