// heddle.yaml: which local command stands for an image. In: the text of the file. Out: entries with absolute working folders, and
// diagnostics with their place; a wrong entry is left out, the others count.
import { dirname, resolve } from 'node:path';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { closest } from '#base/closest.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Origin } from '#base/origin.ts';

export type ImageCommand = {
  readonly image: string;
  /** Program and arguments, never empty. `$(NAME)` stands for a variable of the container, as in Kubernetes. */
  readonly command: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly origin: Origin;
};

export type ImageMap = { readonly file: string; readonly images: ReadonlyMap<string, ImageCommand>; readonly diagnostics: readonly Diagnostic[] };

/** The name of the file, beside the YAML. */
export const imageMapFile = 'heddle.yaml';

const entryFields = ['command', 'cwd', 'env'];

/** Reads the text of one heddle.yaml. `file` is absolute or as the user named it; relative folders in it start at its folder. */
export function readImageMap(file: string, text: string): ImageMap {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const diagnostics: Diagnostic[] = [];
  const images = new Map<string, ImageCommand>();
  const originOf = (offset: number | undefined): Origin => {
    const { line, col } = offset === undefined ? { line: 1, col: 1 } : lines.linePos(offset);
    return { file, line, col };
  };
  const report: Report = (node, message, hint) => {
    const start = isNode(node) ? node.range?.[0] : undefined;
    diagnostics.push({ code: 'HDL0401', severity: 'error', message, at: originOf(start), ...(hint !== undefined && { hint }) });
  };
  for (const error of document.errors) {
    diagnostics.push({ code: 'HDL0401', severity: 'error', message: firstLine(error.message), at: originOf(error.pos[0]) });
  }
  if (document.errors.length > 0 || document.contents === null) return { file, images, diagnostics };
  const root = document.contents;
  if (!isMap(root)) {
    report(root, 'heddle.yaml must be a map with the field images');
    return { file, images, diagnostics };
  }
  for (const { key, value } of root.items) {
    const name = String(isScalar(key) ? key.value : key);
    if (name !== 'images') report(key, `unknown field ${name}`, suggest(name, ['images']));
    else if (!isMap(value)) report(value ?? key, 'images must be a map from an image to its command');
    else {
      for (const entry of value.items) {
        const image = String(isScalar(entry.key) ? entry.key.value : entry.key);
        const command = readEntry(entry.value, report, entry.key);
        if (command === undefined) continue;
        const start = isNode(entry.key) ? entry.key.range?.[0] : undefined;
        images.set(image, { ...command, image, cwd: resolve(dirname(file), command.cwd), origin: originOf(start) });
      }
    }
  }
  return { file, images, diagnostics };
}

type Report = (node: unknown, message: string, hint?: string) => void;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'range' in value;
}

function readEntry(
  node: unknown,
  report: Report,
  keyNode: unknown,
): { readonly command: readonly string[]; readonly cwd: string; readonly env: Readonly<Record<string, string>> } | undefined {
  if (!isMap(node)) {
    report(node ?? keyNode, 'an image must have a command: { command: [program, argument, …] }');
    return undefined;
  }
  let command: readonly string[] | undefined;
  let cwd = '.';
  let env: Readonly<Record<string, string>> = {};
  for (const { key, value } of node.items) {
    const name = String(isScalar(key) ? key.value : key);
    if (name === 'command') command = readCommand(value, report, key);
    else if (name === 'cwd' && isScalar(value) && typeof value.value === 'string') cwd = value.value;
    else if (name === 'cwd') report(value ?? key, 'cwd must be a folder, as a string');
    else if (name === 'env') env = readEnv(value, report, key);
    else report(key, `unknown field ${name}`, suggest(name, entryFields));
  }
  if (command === undefined) {
    if (!node.has('command')) report(keyNode, 'an image must have a command: { command: [program, argument, …] }');
    return undefined;
  }
  return { command, cwd, env };
}

function readCommand(node: unknown, report: Report, keyNode: unknown): readonly string[] | undefined {
  if (!isSeq(node) || node.items.length === 0) {
    report(node ?? keyNode, 'command must be a list: [program, argument, …]');
    return undefined;
  }
  const parts: string[] = [];
  for (const item of node.items) {
    if (!isScalar(item) || item.value === null) {
      report(item, 'each part of command must be a string');
      return undefined;
    }
    parts.push(String(item.value));
  }
  return parts;
}

function readEnv(node: unknown, report: Report, keyNode: unknown): Readonly<Record<string, string>> {
  if (!isMap(node)) {
    report(node ?? keyNode, 'env must be a map from a name to a value');
    return {};
  }
  const env: Record<string, string> = {};
  for (const { key, value } of node.items) {
    const name = String(isScalar(key) ? key.value : key);
    if (isScalar(value)) env[name] = value.value === null ? '' : String(value.value);
    else report(value ?? key, `the value of ${name} must be a string`);
  }
  return env;
}

function suggest(name: string, known: readonly string[]): string {
  const near = closest(name, known);
  return near === undefined ? `known fields: ${known.join(', ')}` : `did you mean ${near}?`;
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? text).replace(/ at line \d+, column \d+:?$/, '');
}
