// The words in which a kind is described once: each call gives a plain JSON Schema (2020-12, as CRDs use it) that carries its TypeScript
// type along. Nothing is compiled at load: `api/validate.ts` reads the schema as data, which also gives messages with exact paths.
// Fields are optional unless wrapped in `required()`, as nearly all fields of Istio and Kubernetes are.

/** Formats that validation knows beyond JSON Schema's own. */
export type Format =
  | 'protobuf-duration'
  | 'protobuf-duration-or-zero'
  | 'byte'
  | 'host'
  | 'gateway-host'
  | 'dns-label'
  | 'dns-subdomain'
  | 'api-group'
  | 'kind'
  | 'rfc3339';

declare const valueType: unique symbol;

/** A JSON Schema whose valid values have the type `Value`. */
export type Schema<Value = unknown> = {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly enum?: readonly string[];
  readonly format?: Format;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly description?: string;
  readonly deprecated?: boolean;
  /** CRD extension: an integer or a string. */
  readonly 'x-kubernetes-int-or-string'?: true;
  /** CRD extension: anything goes in here. */
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
  /** Groups of fields of which at most one may be set (a `oneof` of the proto). */
  readonly 'x-at-most-one-of'?: readonly (readonly string[])[];
  readonly [valueType]?: Value;
};

/** The TypeScript type of a schema's valid values. */
export type Static<S> = S extends { readonly [valueType]?: infer Value } ? Exclude<Value, undefined> : never;

type RequiredField<Value = unknown> = { readonly isRequired: true; readonly schema: Schema<Value> };
type Fields = Readonly<Record<string, Schema | RequiredField>>;
type RequiredKeys<F extends Fields> = { [K in keyof F]: F[K] extends RequiredField ? K : never }[keyof F];
type FieldValue<F> = F extends RequiredField<infer Value> ? Value : Static<F>;
type ObjectValue<F extends Fields> = { readonly [K in RequiredKeys<F>]: FieldValue<F[K]> } & {
  readonly [K in Exclude<keyof F, RequiredKeys<F>>]?: FieldValue<F[K]>;
};
type Flat<T> = { [K in keyof T]: T[K] };

type ObjectRules = { readonly atMostOneOf?: readonly (readonly string[])[]; readonly description?: string };

/** An object with these fields and no others. */
export function object<const F extends Fields>(fields: F, rules: ObjectRules = {}): Schema<Flat<ObjectValue<F>>> {
  const properties: Record<string, Schema> = {};
  const requiredNames: string[] = [];
  for (const [name, field] of Object.entries(fields)) {
    if ('isRequired' in field) {
      requiredNames.push(name);
      properties[name] = field.schema;
    } else {
      properties[name] = field;
    }
  }
  return {
    type: 'object',
    properties,
    ...(requiredNames.length > 0 && { required: requiredNames }),
    ...(rules.atMostOneOf !== undefined && { 'x-at-most-one-of': rules.atMostOneOf }),
    ...(rules.description !== undefined && { description: rules.description }),
  };
}

/** Marks a field of `object()` as required. */
export function required<Value>(schema: Schema<Value>): RequiredField<Value> {
  return { isRequired: true, schema };
}

/** A map from any key to one kind of value. */
export function map<Value>(values: Schema<Value>): Schema<Readonly<Record<string, Value>>> {
  return { type: 'object', additionalProperties: values };
}

export function array<Value>(items: Schema<Value>, rules: { readonly minItems?: number; readonly maxItems?: number } = {}): Schema<readonly Value[]> {
  return { type: 'array', items, ...rules };
}

export function string(rules: { readonly minLength?: number; readonly pattern?: string; readonly format?: Format } = {}): Schema<string> {
  return { type: 'string', ...rules };
}

export function boolean(): Schema<boolean> {
  return { type: 'boolean' };
}

export function integer(rules: { readonly minimum?: number; readonly maximum?: number } = {}): Schema<number> {
  return { type: 'integer', ...rules };
}

export function number(rules: { readonly minimum?: number; readonly maximum?: number } = {}): Schema<number> {
  return { type: 'number', ...rules };
}

/** One of these words. */
export function oneOf<const Words extends readonly string[]>(...words: Words): Schema<Words[number]> {
  return { type: 'string', enum: words };
}

/** Kubernetes' IntOrString: `80` or `"http"`. */
export function integerOrString(): Schema<number | string> {
  return { 'x-kubernetes-int-or-string': true };
}

/** Anything at all: taken as it is. */
export function anything(): Schema<unknown> {
  return { 'x-kubernetes-preserve-unknown-fields': true };
}

/** A TCP or UDP port, 1–65535. */
export function port(): Schema<number> {
  return integer({ minimum: 1, maximum: 65535 });
}

/** A duration as protobuf writes it in YAML: `1h`, `1m`, `1.5s`, `1ms`; at least 1 ms (Istio's CRDs: `duration(self) >= duration('1ms')`). */
export function duration(): Schema<string> {
  return string({ format: 'protobuf-duration' });
}
