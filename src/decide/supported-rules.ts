// How the table of supported fields is written: by message, a rule for each field.

/** `honoured`, `accepted`, or the only values that are honoured; see supported-fields.ts. */
export type FieldRule = 'honoured' | 'accepted' | readonly string[];
export type MessageRules = 'all' | Readonly<Record<string, FieldRule>>;
export type RulesByMessage = Readonly<Record<string, MessageRules>>;

/** Names of fields, apart by blanks. */
export function fields(honoured: string, accepted = '', only: Readonly<Record<string, readonly string[]>> = {}): Readonly<Record<string, FieldRule>> {
  const rules: Record<string, FieldRule> = { ...only };
  for (const name of honoured.split(/\s+/)) if (name !== '') rules[name] = 'honoured';
  for (const name of accepted.split(/\s+/)) if (name !== '') rules[name] = 'accepted';
  return rules;
}
