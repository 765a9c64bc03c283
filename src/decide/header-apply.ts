// Runs header operations on a list of fields (name, value, name, value …; names in lower case), in place.
import type { FormatView } from '#decide/format-view.ts';
import type { HeaderOperations } from '#decide/header-operations.ts';

/** `view` is made only if there is anything to do: test `operations.length` first. */
export function applyHeaderOperations(operations: HeaderOperations, headers: string[], view: FormatView): void {
  for (const operation of operations) {
    if (operation.kind === 'remove') {
      removeField(headers, operation.name, 0);
      continue;
    }
    const value = operation.value.kind === 'literal' ? operation.value.text : operation.value.print(view);
    // Envoy: a header without value is not added unless keep_empty_value.
    if (value === '' && !operation.keepEmptyValue) continue;
    const at = indexOfField(headers, operation.name);
    if (operation.mode === 'append' || at === -1) {
      const allowed = operation.mode !== 'overwrite-if-exists';
      if (allowed) headers.push(operation.name, value);
    } else if (operation.mode !== 'add-if-absent') {
      headers[at + 1] = value;
      removeField(headers, operation.name, at + 2);
    }
  }
}

function indexOfField(headers: readonly string[], name: string): number {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return at;
  return -1;
}

/** Removes all fields of that name from position `from` on. */
function removeField(headers: string[], name: string, from: number): void {
  let to = from;
  for (let at = from; at < headers.length; at += 2) {
    const field = headers[at];
    const value = headers[at + 1];
    if (field === name || field === undefined || value === undefined) continue;
    headers[to] = field;
    headers[to + 1] = value;
    to += 2;
  }
  headers.length = to;
}
