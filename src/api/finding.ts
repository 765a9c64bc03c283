// One thing that is wrong with a resource, before it is known where its file is.

export type Path = readonly (string | number)[];

export type Finding = {
  readonly kind: 'unknown-field' | 'invalid';
  readonly path: Path;
  /** Which part of the field the message is about. */
  readonly part: 'key' | 'value';
  readonly message: string;
  readonly hint?: string;
  /** Further fields of the same object with the same mistake. */
  readonly also?: readonly Path[];
};

/** A finding that makes the resource invalid. */
export function invalid(path: Path, part: 'key' | 'value', message: string, hint?: string): Finding {
  return { kind: 'invalid', path, part, message, ...(hint !== undefined && { hint }) };
}
