import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KindName, kinds } from '#api/kinds.ts';
import { array, boolean, duration, integer, integerOrString, map, number, object, oneOf, port, required, type Schema, string } from '#api/schema.ts';
import { validate } from '#api/validate.ts';
import { formatPath } from '#base/origin.ts';

const pod = object({
  spec: required(
    object({
      containers: required(array(object({ name: required(string()), readinessProbe: object({}), livenessProbe: object({}) }), { minItems: 1 })),
      initContainers: array(object({ readinessProbe: object({}) })),
      nodeName: string(),
    }),
  ),
});

/** Findings as `path: message (hint)`. */
function findings(schema: Schema, value: unknown): readonly string[] {
  return validate(schema, value).map(({ path, message, hint }) => `${formatPath(path)}: ${message}${hint === undefined ? '' : ` (${hint})`}`);
}

test('wrong types say what was expected, what was found, and what would mend it', () => {
  const schema = object({
    text: string(),
    whole: integer(),
    any: number(),
    flag: boolean(),
    list: array(string()),
    labels: map(string()),
    nested: object({ a: string() }),
    target: integerOrString(),
  });
  assert.deepEqual(findings(schema, { text: 80, whole: '80', any: 'x', flag: 'true', list: 'a', labels: ['a'], nested: 'b', target: 1.5 }), [
    'text: text must be a text, not the number 80 (put it in quotes: "80")',
    'whole: whole must be a whole number, not the text "80" (write it without quotes: 80)',
    'any: any must be a number, not the text "x"',
    'flag: flag must be true or false, not the text "true"',
    'list: list must be a list, not the text "a" (a list has one item a line, each after "- ")',
    'labels: labels must be a map, not a list',
    'nested: nested must be an object, not the text "b"',
    'target: target must be a whole number or a text, not the number 1.5',
  ]);
  assert.match(findings(schema, { list: ['1.2.3.4', {}] }).join(), /must be a text, not an object \(put it in quotes: .*\)$/);
  assert.deepEqual(findings(schema, { text: 'a', whole: 1, any: 0.5, flag: false, list: [], labels: {}, nested: {}, target: 'http' }), []);
});

test('unknown fields: a slip of the hand, a field of the level below, and neither', () => {
  assert.deepEqual(findings(pod, { spec: { containers: [{ name: 'a' }], nodename: 'x' } }), [
    'spec.nodename: unknown field nodename in spec (did you mean nodeName?)',
  ]);
  assert.deepEqual(findings(pod, { spec: { containers: [{ name: 'a' }], livenessProbe: {} } }), [
    'spec.livenessProbe: unknown field livenessProbe in spec (move it into spec.containers[])',
  ]);
  assert.deepEqual(findings(pod, { spec: { containers: [{ name: 'a' }], quux: 1 } }), [
    'spec.quux: unknown field quux in spec (known fields: containers, initContainers, nodeName)',
  ]);
});

test('fields that stand in the same wrong place are one finding', () => {
  const [finding, ...more] = validate(pod, { spec: { containers: [{ name: 'a' }], readinessProbe: {}, livenessProbe: {} } });
  assert.equal(more.length, 0);
  assert.equal(finding?.message, 'unknown fields readinessProbe and livenessProbe in spec');
  assert.deepEqual(finding?.also?.map(formatPath), ['spec.livenessProbe']);
});

test('missing fields, limits, enumerations, exclusive fields', () => {
  const schema = object(
    {
      mode: oneOf('SIMPLE', 'MUTUAL'),
      port: required(port()),
      hosts: array(string(), { minItems: 1, maxItems: 2 }),
      wait: duration(),
      a: string(),
      b: string(),
    },
    { atMostOneOf: [['a', 'b']] },
  );
  assert.deepEqual(findings(schema, { mode: 'SIMPEL', hosts: [], a: 'x', b: 'y' }), [
    'port: required field port is missing',
    'b: only one of a and b may be set (keep one of them)',
    'mode: mode must be SIMPLE or MUTUAL, not the text "SIMPEL" (did you mean SIMPLE?)',
    'hosts: hosts needs at least one item',
  ]);
  assert.deepEqual(findings(schema, { port: 65536, wait: '10' }), [
    'port: port must be between 1 and 65535, not 65536',
    'wait: wait must be a duration of at least 1ms, such as 1h, 1m, 1.5s or 100ms, not the text "10"',
  ]);
  assert.deepEqual(findings(schema, { port: 80, wait: '0.5ms' }).length, 1);
  assert.deepEqual(findings(schema, { port: 80, wait: '1.5s', hosts: ['a', 'b'], a: 'x' }), []);
});

test('a field of Object.prototype is as unknown as any', () => {
  assert.equal(findings(object({ a: string() }), { constructor: 'x' }).length, 1);
  assert.equal(findings(object({ a: string() }), JSON.parse('{"__proto__": "x"}')).length, 1);
});

test('the schemas are finite plain data: every kind survives JSON, and has no field without a type', () => {
  const name: KindName = 'Pod';
  assert.equal(kinds[name].kind, 'Pod');
  for (const { kind, body } of Object.values(kinds)) {
    assert.deepEqual(JSON.parse(JSON.stringify(body)), body, kind);
    checkTyped(body, kind);
  }
});

function checkTyped(schema: Schema, path: string): void {
  const isTyped =
    schema.type !== undefined || schema['x-kubernetes-int-or-string'] === true || schema['x-kubernetes-preserve-unknown-fields'] === true;
  assert.ok(isTyped, path);
  for (const name of schema.required ?? []) assert.ok(schema.properties?.[name] !== undefined, `${path}.${name} is required and not there`);
  for (const name of (schema['x-at-most-one-of'] ?? []).flat())
    assert.ok(schema.properties?.[name] !== undefined, `${path}.${name} excludes others and is not there`);
  for (const [name, property] of Object.entries(schema.properties ?? {})) checkTyped(property, `${path}.${name}`);
  if (schema.items !== undefined) checkTyped(schema.items, `${path}[]`);
  if (schema.additionalProperties !== undefined) checkTyped(schema.additionalProperties, `${path}{}`);
}
