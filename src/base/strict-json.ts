// JSON from strangers: an object of valid UTF-8 with each name once, of bounded depth and with numbers that are numbers. What JSON.parse takes beside
// that, two readers could take for two things.

export type JsonValue = number | string | boolean | null | JsonObject | JsonValue[];
export type JsonObject = { [name: string]: JsonValue };

/** Protobuf's own limit for JSON. */
const maxDepth = 100;

/** The object that the bytes hold; undefined for anything else. */
export function parseStrictObject(bytes: Uint8Array): JsonObject | undefined {
  let value: JsonValue;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text) as JsonValue; // what it gives, by its definition
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return isUnambiguous(text) ? value : undefined;
}

/** Of text that JSON.parse has taken: walks over it once, with the names of each open object. Lists have none. */
function isUnambiguous(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text[at];
    if (char === '"') {
      const end = endOfString(text, at);
      const names = open.at(-1);
      const isOfNames = names !== undefined && isName(text, end);
      if (isOfNames || text.slice(at, end).includes('\\u')) {
        const content = String(JSON.parse(text.slice(at, end)));
        // Half a character, which no UTF-8 is made of.
        if (!content.isWellFormed()) return false;
        if (isOfNames && names.has(content)) return false;
        if (isOfNames) names.add(content);
      }
      at = end;
      continue;
    }
    if (char === '{' || char === '[') {
      open.push(char === '{' ? new Set() : undefined);
      if (open.length > maxDepth) return false;
    } else if (char === '}' || char === ']') open.pop();
    else if (char !== undefined && (char === '-' || (char >= '0' && char <= '9'))) {
      const end = endOfNumber(text, at);
      if (!Number.isFinite(Number(text.slice(at, end)))) return false;
      at = end;
      continue;
    }
    at++;
  }
  return true;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function isName(text: string, end: number): boolean {
  let at = end;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++;
  return text[at] === ':';
}

function endOfNumber(text: string, start: number): number {
  let at = start;
  while (at < text.length && '+-.eE0123456789'.includes(text[at] ?? ' ')) at++;
  return at;
}
