// Finds every set field of an Envoy message that the embedded proxy does not honour, by its descriptor and down into each Any.
// Nothing is ignored in silence: what is not in the table of supported-fields.ts is an error that names the field.
import { type DescField, type DescMessage, isFieldSet, isMessage, type Message } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import type { Problems } from '#decide/config-error.ts';
import { extensionName, extensions, unpackExtension } from '#decide/extension.ts';
import { oncePerContent } from '#decide/same-content.ts';
import { supportedFields } from '#decide/supported-fields.ts';
import type { FieldRule, MessageRules } from '#decide/supported-rules.ts';

/** Reports to `problems` each unsupported field of `message` with its path below `field` ('' at the root). */
export function findUnsupported(schema: DescMessage, message: Message, field: string, problems: Problems): void {
  walk(schema, message, field, problems);
}

/**
 * What of a kind of message must be looked at: fields that are honoured and hold messages, and those that must not be set, or not to any value. A listener
 * with a thousand policies is walked while requests wait, so this is settled once for each kind, and nothing is asked of the rest.
 */
type Plan = {
  readonly below: readonly { readonly field: DescField; readonly content: DescMessage }[];
  readonly limited: readonly { readonly field: DescField; readonly only: readonly string[] }[];
};

const plans = new WeakMap<DescMessage, Plan | 'unknown'>();

function planOf(schema: DescMessage): Plan | 'unknown' {
  let plan = plans.get(schema);
  if (plan === undefined) {
    const rules = supportedFields[schema.typeName];
    plan = rules === undefined ? 'unknown' : makePlan(schema, rules);
    plans.set(schema, plan);
  }
  return plan;
}

function makePlan({ fields }: DescMessage, rules: MessageRules): Plan {
  const ruleOf = ({ name }: DescField): FieldRule | undefined => (rules === 'all' ? 'honoured' : rules[name]);
  return {
    below: fields.flatMap((field) => {
      const content = field.message;
      return ruleOf(field) === 'honoured' && content !== undefined && isWalked(content) ? [{ field, content }] : [];
    }),
    limited: fields.flatMap((field) => {
      const rule = ruleOf(field);
      return rule === 'honoured' || rule === 'accepted' ? [] : [{ field, only: rule ?? [] }];
    }),
  };
}

/** Durations, wrappers and structs have no fields of their own worth naming. */
function isWalked({ typeName }: DescMessage): boolean {
  return typeName === AnySchema.typeName || !typeName.startsWith('google.protobuf.');
}

function walk(schema: DescMessage, message: Message, path: string, problems: Problems): void {
  const plan = planOf(schema);
  if (plan === 'unknown') {
    problems.report(path, `${schema.typeName} is not supported`);
    return;
  }
  for (const { field, only } of plan.limited) {
    if (isFieldSet(message, field)) checkLimited(schema, message, field, only, below(path, field), problems);
  }
  for (const { field, content } of plan.below) {
    const value = valueOf(message, field);
    if (value === undefined) continue;
    if (field.fieldKind === 'message')
      walkMessage(content, value as Message, below(path, field), problems); // as its kind says
    else if (field.fieldKind === 'list') {
      const items = value as readonly Message[]; // likewise
      for (const [index, item] of items.entries()) walkMessage(content, item, `${below(path, field)}[${index}]`, problems);
    } else {
      const items = value as Readonly<Record<string, Message>>; // likewise
      for (const key of Object.keys(items))
        if (items[key] !== undefined) walkMessage(content, items[key], `${below(path, field)}["${key}"]`, problems);
    }
  }
}

function below(path: string, { name }: DescField): string {
  return path === '' ? name : `${path}.${name}`;
}

/** As messages hold it: a member of a oneof stands with its name in the place of the oneof. */
function valueOf(message: Message, { localName, oneof }: DescField): unknown {
  const fields = message as unknown as Readonly<Record<string, unknown>>; // as the descriptor says
  if (oneof === undefined) return fields[localName];
  const chosen = fields[oneof.localName] as { readonly case: string | undefined; readonly value?: unknown }; // likewise
  return chosen.case === localName ? chosen.value : undefined;
}

/** Only these values of an enum or a number are honoured; none where the field must not be set. */
function checkLimited(schema: DescMessage, message: Message, field: DescField, only: readonly string[], at: string, problems: Problems): void {
  if (only.length === 0) {
    problems.report(at, `not supported by this proxy`);
    return;
  }
  const value = reflect(schema, message).get(field);
  const found = field.fieldKind === 'enum' ? (field.enum.value[Number(value)]?.name ?? String(value)) : String(value);
  if (!only.includes(found)) problems.report(at, `${found} is not supported by this proxy (known: ${only.join(', ')})`);
}

function walkMessage(schema: DescMessage, message: Message, at: string, problems: Problems): void {
  if (!isMessage(message, AnySchema)) {
    walk(schema, message, at, problems);
    return;
  }
  oncePerContent('supported', message, problems, () => {
    walkAny(
      extensionName(message),
      oncePerContent('message', message, problems, () => unpackExtension(message)),
      at,
      problems,
    );
    return true;
  });
}

function walkAny(name: string, content: Message | undefined, at: string, problems: Problems): void {
  const schema = extensions.getMessage(name);
  if (content !== undefined && schema !== undefined) {
    walk(schema, content, at, problems);
    return;
  }
  problems.report(at, `extension ${name} is not supported by this proxy`);
}
