// Text of any kind as one word of a POSIX shell.

/** In single quotes, where nothing has a meaning but the quote itself (POSIX 2.2.2). */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
