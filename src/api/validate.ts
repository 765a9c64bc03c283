// Validation: (schema, value) → findings, each with the path of the field, what was expected, what was found, and what may have been meant.
// All findings of a resource are collected. The schema is interpreted: there is nothing to compile, so start-up does not pay for it.

import { type Finding, invalid, type Path } from '#api/finding.ts';
import { describeFormat, matchesFormat } from '#api/format.ts';
import type { Schema } from '#api/schema.ts';
import { closest } from '#base/closest.ts';
import { isObject } from '#base/object.ts';
import { formatPath } from '#base/origin.ts';

/** Everything that is wrong with `value`, in the order of the schema; empty where it is valid. `at` is the path of `value` itself. */
export function validate(schema: Schema, value: unknown, at: Path = []): readonly Finding[] {
  const findings: Finding[] = [];
  check(schema, value, at, findings);
  return findings;
}

function check(schema: Schema, value: unknown, path: Path, findings: Finding[]): void {
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return;
  if (schema['x-kubernetes-int-or-string'] === true) {
    if (typeof value !== 'string' && !Number.isInteger(value)) findings.push(wrongType('a whole number or a text', value, path));
    return;
  }
  switch (schema.type) {
    case 'object':
      return checkObject(schema, value, path, findings);
    case 'array':
      return checkArray(schema, value, path, findings);
    case 'string':
      return checkString(schema, value, path, findings);
    case 'integer':
    case 'number':
      return checkNumber(schema, value, path, findings);
    case 'boolean':
      if (typeof value !== 'boolean') findings.push(wrongType('true or false', value, path));
      return;
    case undefined:
      return;
  }
}

function checkObject(schema: Schema, value: unknown, path: Path, findings: Finding[]): void {
  if (!isObject(value)) {
    findings.push(wrongType(schema.properties === undefined ? 'a map' : 'an object', value, path));
    return;
  }
  for (const name of schema.required ?? []) {
    if (value[name] === undefined) findings.push(invalid([...path, name], 'key', `required field ${fieldName([...path, name])} is missing`));
  }
  for (const group of schema['x-at-most-one-of'] ?? []) {
    const written = group.filter((name) => value[name] !== undefined);
    const second = written[1];
    if (second !== undefined) {
      findings.push(invalid([...path, second], 'key', `only one of ${wordList(written, 'and')} may be set`, 'keep one of them'));
    }
  }
  const unknown: string[] = [];
  for (const name in value) {
    const property = Object.hasOwn(schema.properties ?? {}, name) ? schema.properties?.[name] : schema.additionalProperties;
    if (property === undefined) unknown.push(name);
    else check(property, value[name], [...path, name], findings);
  }
  if (unknown.length > 0) findings.push(...unknownFields(schema, value, unknown, path));
}

function checkArray(schema: Schema, value: unknown, path: Path, findings: Finding[]): void {
  if (!Array.isArray(value)) {
    const hint = value === undefined || value === null ? undefined : 'a list has one item a line, each after "- "';
    findings.push(wrongType('a list', value, path, hint));
    return;
  }
  const { minItems, maxItems, items } = schema;
  if (minItems !== undefined && value.length < minItems)
    findings.push(invalid(path, 'key', `${fieldName(path)} needs at least ${count(minItems, 'item')}`));
  if (maxItems !== undefined && value.length > maxItems)
    findings.push(invalid(path, 'key', `${fieldName(path)} may have at most ${count(maxItems, 'item')}`));
  if (items === undefined) return;
  for (let index = 0; index < value.length; index++) check(items, value[index], [...path, index], findings);
}

function checkString(schema: Schema, value: unknown, path: Path, findings: Finding[]): void {
  if (schema.enum !== undefined) {
    if (typeof value === 'string' && schema.enum.includes(value)) return;
    const guess = typeof value === 'string' ? closest(value, schema.enum) : undefined;
    const message = `${fieldName(path)} must be ${wordList(schema.enum, 'or')}, not ${describe(value)}`;
    findings.push(invalid(path, 'value', message, guess === undefined ? undefined : `did you mean ${guess}?`));
    return;
  }
  if (typeof value !== 'string') {
    findings.push(wrongType('a text', value, path, howToQuote(value)));
    return;
  }
  if (schema.minLength !== undefined && value.length < schema.minLength)
    findings.push(invalid(path, 'value', `${fieldName(path)} must not be empty`));
  if (schema.format !== undefined && !matchesFormat(schema.format, value)) {
    findings.push(invalid(path, 'value', `${fieldName(path)} must be ${describeFormat(schema.format)}, not ${describe(value)}`));
  }
}

/** What the text may have been meant to be: `[2001:db8::]` holds a map with the key `2001:db8:`, as YAML has it. */
function howToQuote(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return `put it in quotes: "${value}"`;
  return isObject(value) ? 'put it in quotes: without them YAML takes a text that ends in ":", or holds ": ", for a map' : undefined;
}

function checkNumber(schema: Schema, value: unknown, path: Path, findings: Finding[]): void {
  const whole = schema.type === 'integer';
  if (typeof value !== 'number' || (whole && !Number.isInteger(value))) {
    const unquoted = typeof value === 'string' && value !== '' && Number.isFinite(Number(value));
    findings.push(wrongType(whole ? 'a whole number' : 'a number', value, path, unquoted ? `write it without quotes: ${value}` : undefined));
    return;
  }
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema;
  if (value >= minimum && value <= maximum) return;
  const range = maximum === Number.POSITIVE_INFINITY ? `at least ${minimum}` : `between ${minimum} and ${maximum}`;
  findings.push(invalid(path, 'value', `${fieldName(path)} must be ${range}, not ${value}`));
}

/** Unknown fields of one object. Those that belong into the same other place are one mistake and share a finding. */
function unknownFields(schema: Schema, value: Readonly<Record<string, unknown>>, names: readonly string[], path: Path): readonly Finding[] {
  const findings: Finding[] = [];
  const byHome = new Map<string, string[]>();
  for (const name of names) {
    const home = findBelow(schema, name);
    if (home !== undefined) byHome.set(home, [...(byHome.get(home) ?? []), name]);
    else findings.push(unknownField(schema, value, name, path));
  }
  for (const [home, misplaced] of byHome) {
    const [first = '', ...others] = misplaced;
    const place = formatPath(path) === '' ? home : `${formatPath(path)}.${home}`;
    findings.push({
      kind: 'unknown-field',
      path: [...path, first],
      part: 'key',
      message: `unknown ${misplaced.length === 1 ? 'field' : 'fields'} ${wordList(misplaced, 'and')} in ${objectName(path)}`,
      hint: `move ${misplaced.length === 1 ? 'it' : 'them'} into ${place}`,
      ...(others.length > 0 && { also: others.map((name) => [...path, name]) }),
    });
  }
  return findings;
}

function unknownField(schema: Schema, value: Readonly<Record<string, unknown>>, name: string, path: Path): Finding {
  const known = Object.keys(schema.properties ?? {});
  const guess = closest(
    name,
    known.filter((candidate) => value[candidate] === undefined),
  );
  const hint = guess !== undefined ? `did you mean ${guess}?` : `known fields: ${known.join(', ')}`;
  return { kind: 'unknown-field', path: [...path, name], part: 'key', message: `unknown field ${name} in ${objectName(path)}`, hint };
}

/** Where below an object a field of this exact name belongs, nearest level first: `containers[]`, `destination`. At most three levels down. */
function findBelow(schema: Schema, name: string): string | undefined {
  let level: readonly (readonly [string, Schema])[] = [['', schema]];
  for (let depth = 0; depth < 3; depth++) {
    const next: (readonly [string, Schema])[] = [];
    for (const [prefix, { properties = {}, required = [] }] of level) {
      // Required fields first: a stray probe belongs into containers rather than into initContainers.
      const entries = Object.entries(properties).sort(([a], [b]) => Number(required.includes(b)) - Number(required.includes(a)));
      for (const [key, property] of entries) {
        const child: readonly [string, Schema] = property.items === undefined ? [`${prefix}${key}`, property] : [`${prefix}${key}[]`, property.items];
        if (Object.hasOwn(child[1].properties ?? {}, name)) return child[0];
        next.push([`${child[0]}.`, child[1]]);
      }
    }
    level = next;
  }
  return undefined;
}

function wrongType(expected: string, value: unknown, path: Path, hint?: string): Finding {
  return invalid(path, 'value', `${fieldName(path)} must be ${expected}, not ${describe(value)}`, hint);
}

function fieldName(path: Path): string {
  return path.length === 0 ? 'the resource' : formatPath(path);
}

function objectName(path: Path): string {
  return path.length === 0 ? 'the resource' : formatPath(path);
}

function describe(value: unknown): string {
  if (typeof value === 'string')
    return value === '' ? 'an empty text' : `the text ${JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value)}`;
  if (typeof value === 'number') return `the number ${value}`;
  if (typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return 'a list';
  return isObject(value) ? 'an object' : 'nothing';
}

function wordList(words: readonly string[], conjunction: string): string {
  const shown = words.filter((word) => word !== '');
  if (shown.length < 2) return shown.join('');
  return `${shown.slice(0, -1).join(', ')} ${conjunction} ${shown.at(-1)}`;
}

function count(amount: number, thing: string): string {
  return amount === 1 ? `one ${thing}` : `${amount} ${thing}s`;
}
