// Finds every set field of an Envoy message that the embedded proxy does not honour, by reflection and down into each Any.
// Nothing is ignored in silence: what is not in the table of supported-fields.ts is an error that names the field.
import { type DescField, type DescMessage, isMessage, type Message } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import type { Problems } from '#decide/config-error.ts';
import { extensionName, extensions, unpackExtension } from '#decide/extension.ts';
import { oncePerContent } from '#decide/same-content.ts';
import { supportedFields } from '#decide/supported-fields.ts';
import type { FieldRule } from '#decide/supported-rules.ts';

/** Reports to `problems` each unsupported field of `message` with its path below `field` ('' at the root). */
export function findUnsupported(schema: DescMessage, message: Message, field: string, problems: Problems): void {
  walk(reflect(schema, message), field, problems);
}

function walk(message: ReflectMessage, path: string, problems: Problems): void {
  const rules = supportedFields[message.desc.typeName];
  if (rules === undefined) {
    problems.report(path, `${message.desc.typeName} is not supported`);
    return;
  }
  for (const field of message.desc.fields) {
    if (!message.isSet(field)) continue;
    const at = path === '' ? field.name : `${path}.${field.name}`;
    const rule = rules === 'all' ? 'honoured' : rules[field.name];
    if (rule === undefined) problems.report(at, `not supported by this proxy`);
    else checkRule(message, field, rule, at, problems);
  }
}

function checkRule(message: ReflectMessage, field: DescField, rule: FieldRule, at: string, problems: Problems): void {
  if (rule === 'accepted') return;
  if (rule === 'honoured') {
    walkField(message, field, at, problems);
    return;
  }
  // Only these values of an enum or a number are honoured.
  const value = message.get(field);
  const found = field.fieldKind === 'enum' ? (field.enum.value[Number(value)]?.name ?? String(value)) : String(value);
  if (!rule.includes(found)) problems.report(at, `${found} is not supported by this proxy (known: ${rule.join(', ')})`);
}

function walkField(message: ReflectMessage, field: DescField, at: string, problems: Problems): void {
  if (field.fieldKind === 'message') walkMessage(message.get(field), at, problems);
  if (field.fieldKind === 'list' && field.listKind === 'message') {
    let index = 0;
    for (const item of message.get(field)) walkMessage(item as ReflectMessage, `${at}[${index++}]`, problems); // a list of messages reflects each
  }
  if (field.fieldKind === 'map' && field.mapKind === 'message') {
    for (const [key, item] of message.get(field)) walkMessage(item as ReflectMessage, `${at}["${String(key)}"]`, problems); // likewise
  }
}

function walkMessage(message: ReflectMessage, at: string, problems: Problems): void {
  if (isMessage(message.message, AnySchema)) {
    const any = message.message;
    oncePerContent('supported', any, problems, () => {
      walkAny(
        extensionName(any),
        oncePerContent('message', any, problems, () => unpackExtension(any)),
        at,
        problems,
      );
      return true;
    });
    return;
  }
  // Durations, wrappers and structs have no fields of their own worth naming.
  if (!message.desc.typeName.startsWith('google.protobuf.')) walk(message, at, problems);
}

function walkAny(name: string, content: Message | undefined, at: string, problems: Problems): void {
  const schema = extensions.getMessage(name);
  if (content !== undefined && schema !== undefined) {
    walk(reflect(schema, content), at, problems);
    return;
  }
  problems.report(at, `extension ${name} is not supported by this proxy`);
}
