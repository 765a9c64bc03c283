// Reading flat header lists (name, value, name, value …; names in lower case).

/** The value of the first field of that name. */
export function fieldOf(headers: readonly string[], name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return headers[at + 1];
  return undefined;
}
