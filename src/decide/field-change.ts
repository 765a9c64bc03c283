// Changes of single header fields and query parameters that somebody outside asked for, made on a head as the proxy keeps it.

/** Headers of requests and responses, changed in this order. Names in lower case. */
export type FieldChange = {
  /** `append` only where the field is there; `add` beside what is there. */
  readonly kind: 'set' | 'add' | 'append' | 'append-or-add' | 'add-if-absent' | 'set-if-present' | 'remove';
  readonly name: string;
  readonly value: string;
};

export type QueryChange = { readonly name: string /** Undefined: it goes. */; readonly value: string | undefined };

/** Makes the changes in place, in their order. `fields`: name, value, name, value …, without pseudo headers. */
export function applyFieldChanges(changes: readonly FieldChange[], fields: string[]): void {
  for (const change of changes) applyChange(change, fields);
}

function applyChange({ kind, name, value }: FieldChange, fields: string[]): void {
  const at = indexOf(fields, name);
  if (kind === 'remove') removeAll(fields, name);
  else if (kind === 'add' || (kind === 'add-if-absent' && at === -1)) fields.push(name, value);
  else if (kind === 'append' || kind === 'append-or-add') {
    if (at !== -1) fields[at + 1] = `${fields[at + 1]},${value}`;
    else if (kind === 'append-or-add') fields.push(name, value);
  } else if (kind === 'set' || (kind === 'set-if-present' && at !== -1)) {
    removeAll(fields, name);
    fields.push(name, value);
  }
}

function indexOf(fields: readonly string[], name: string): number {
  for (let at = 0; at < fields.length; at += 2) if (fields[at] === name) return at;
  return -1;
}

function removeAll(fields: string[], name: string): void {
  let to = 0;
  for (let from = 0; from < fields.length; from += 2) {
    if (fields[from] === name) continue;
    fields[to] = fields[from] ?? '';
    fields[to + 1] = fields[from + 1] ?? '';
    to += 2;
  }
  fields.length = to;
}

/** The path with its query changed. As Envoy (QueryParamsMulti): all parameters come out in the order of their names, each with its `=`. */
export function changeQuery(path: string, changes: readonly QueryChange[]): string {
  const mark = path.indexOf('?');
  const values = new Map<string, string[]>();
  for (const part of mark === -1 ? [] : path.slice(mark + 1).split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = equals === -1 ? part : part.slice(0, equals);
    values.set(name, [...(values.get(name) ?? []), equals === -1 ? '' : part.slice(equals + 1)]);
  }
  for (const { name, value } of changes) {
    if (value === undefined) values.delete(name);
    else values.set(name, [value]);
  }
  const names = [...values.keys()].sort();
  const query = names.flatMap((name) => (values.get(name) ?? []).map((value) => `${name}=${value}`)).join('&');
  return `${mark === -1 ? path : path.slice(0, mark)}${query === '' ? '' : `?${query}`}`;
}
