// The text of one YAML or JSON file → its resources with origins, and diagnostics. Documents are read one by one and known ones are taken over
// from the last reading of the file, so that after an edit only what was edited is parsed again and all else keeps its identity.
import { type ReadItem, readBrokenDocument, readDocument } from '#api/read-document.ts';
import { parseYaml, type YamlDocument } from '#api/yaml-document.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

export type TextReading = {
  readonly items: readonly ReadItem[];
  /** Syntax errors. Where there is one, `items` holds what the other documents say, and what closes in place of policies in this one. */
  readonly syntaxErrors: readonly Diagnostic[];
  /** For the next reading of the same file. */
  readonly slices: ReadonlyMap<string, Slice>;
};

type Slice = { readonly firstLine: number; readonly documents: readonly YamlDocument[]; readonly items: readonly ReadItem[] };

/** Reads `text` of `file` (the name that origins show). `previous` is what the last call for this file gave. */
export function readText(file: string, text: string, previous?: TextReading): TextReading {
  const items: ReadItem[] = [];
  const syntaxErrors: Diagnostic[] = [];
  const slices = new Map<string, Slice>();
  for (const { text: sliceText, firstLine } of splitDocuments(text)) {
    const known = slices.get(sliceText) ?? previous?.slices.get(sliceText);
    const documents = known?.documents ?? parseYaml(sliceText);
    const unmoved = known !== undefined && known.firstLine === firstLine && !slices.has(sliceText);
    const sliceItems = unmoved
      ? known.items
      : documents.flatMap((document) => (isReadable(document) ? readDocument : readBrokenDocument)(document, { file, line: firstLine - 1 }));
    slices.set(sliceText, { firstLine, documents, items: sliceItems });
    items.push(...sliceItems);
    for (const document of documents) {
      for (const { message, line, col } of document.errors) {
        syntaxErrors.push({ code: 'HDL0001', severity: 'error', message, at: { file, line: line + firstLine - 1, col } });
      }
    }
  }
  return { items, syntaxErrors, slices };
}

function isReadable(document: YamlDocument): boolean {
  return document.errors.length === 0;
}

/**
 * Cuts a text before each `---` that starts a line, which in YAML is a document marker even inside a block scalar (YAML 1.2, c-forbidden).
 * A text with directives or `...` markers is left whole.
 */
function splitDocuments(text: string): readonly { readonly text: string; readonly firstLine: number }[] {
  if (/^(?:%|\.\.\.(?:\s|$))/m.test(text)) return [{ text, firstLine: 1 }];
  const slices: { text: string; firstLine: number }[] = [];
  let firstLine = 1;
  for (const slice of text.split(/^(?=---(?:\s|$))/m)) {
    slices.push({ text: slice, firstLine });
    firstLine += countLines(slice);
  }
  return slices;
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}
