// The values of added headers: literal text, or Envoy's format strings (`%REQ(x-a?:path)%`) compiled once into parts.
// A literal is kept as text, so that the common case costs nothing per request.

import type { Problems } from '#decide/config-error.ts';
import { type FormatCommand, formatCommands } from '#decide/format-commands.ts';
import type { FormatView } from '#decide/format-view.ts';

export type HeaderFormat =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'format'; readonly print: (view: FormatView) => string };

/** Compiles a header's value; `%%` is a percent sign. A command that is not known is an error at `field`. */
export function compileHeaderFormat(source: string, field: string, problems: Problems): HeaderFormat {
  if (!source.includes('%')) return { kind: 'literal', text: source };
  const parts: (string | FormatCommand)[] = [];
  const pattern = /%%|%([A-Z_]+)(?:\(([^)]*)\))?(?::(\d+))?%|%/g;
  let from = 0;
  for (const match of source.matchAll(pattern)) {
    parts.push(source.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[0] === '%%') {
      parts.push('%');
      continue;
    }
    const command = match[1] === undefined ? undefined : formatCommands[match[1]]?.(match[2] ?? '');
    if (command === undefined)
      problems.report(
        field,
        match[1] === undefined ? `a single % at ${match.index}; write %% for a percent sign` : `format command ${match[0]} is not supported`,
      );
    else parts.push(shortened(command, match[3]));
  }
  parts.push(source.slice(from));
  return formatOf(parts.filter((part) => part !== ''));
}

function formatOf(parts: readonly (string | FormatCommand)[]): HeaderFormat {
  if (parts.every((part) => typeof part === 'string')) return { kind: 'literal', text: parts.join('') };
  return {
    kind: 'format',
    print: (view) => {
      let text = '';
      for (const part of parts) text += typeof part === 'string' ? part : (part(view) ?? '');
      return text;
    },
  };
}

/** `%REQ(x):10%` takes at most ten characters. */
function shortened(command: FormatCommand, length: string | undefined): FormatCommand {
  if (length === undefined) return command;
  const limit = Number(length);
  return (view) => command(view)?.slice(0, limit);
}
