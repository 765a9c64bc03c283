// Which RE2 patterns may run on V8's backtracking engine: those whose every choice is settled by the next character, so that no step is
// ever tried twice (bar one unbounded wildcard, which makes it one scan back). Everything else stays with re2js.
// The subset is that of people's routes: literals, classes, `.`, quantifiers on single characters, and unquantified literal alternatives.

type Atom = { readonly kind: 'set'; readonly source: string; readonly has: (code: number) => boolean; readonly min: number; readonly max: number };
type Choice = { readonly kind: 'choice'; readonly source: string; readonly has: (code: number) => boolean };
type Piece = Atom | Choice;

const shorthand: Readonly<Record<string, string>> = { d: '[0-9]', w: '[0-9A-Za-z_]', D: '[^0-9]', W: '[^0-9A-Za-z_]' };
const punctuation = /^[-./\\^$*+?()[\]{}|_~!@#%&=:;,<>"'` ]$/;
const longestRepeat = 64;

/** Source of a native RegExp that matches the same whole texts in linear time, anchored; undefined where that is not proven. */
export function nativeSourceOf(source: string): string | undefined {
  if (!/^[\x20-\x7e]*$/.test(source)) return undefined;
  const pieces = parse(source.replace(/^\^/, '').replace(/(?<!\\)\$$/, ''));
  if (pieces === undefined || !isSettled(pieces)) return undefined;
  return `^${pieces.map((piece) => piece.source + (piece.kind === 'set' ? quantifier(piece) : '')).join('')}$`;
}

function quantifier({ min, max }: Atom): string {
  if (min === 1 && max === 1) return '';
  return max === Infinity ? `{${min},}` : `{${min},${max}}`;
}

/** True if each optional or repeated piece ends where its next piece begins. One may not, if what follows it has a fixed length. */
function isSettled(pieces: readonly Piece[]): boolean {
  const open = pieces.flatMap((piece, index) => (isFixed(piece) || followersOf(pieces, index).every((next) => disjoint(piece, next)) ? [] : [index]));
  const [first] = open;
  return first === undefined || (open.length === 1 && pieces.slice(first + 1).every(isFixed));
}

function isFixed(piece: Piece): boolean {
  return piece.kind === 'choice' || piece.min === piece.max;
}

/** The pieces that may take the next character once `index` has had enough. */
function followersOf(pieces: readonly Piece[], index: number): Piece[] {
  const followers: Piece[] = [];
  for (const piece of pieces.slice(index + 1)) {
    followers.push(piece);
    if (piece.kind === 'choice' || piece.min > 0) break;
  }
  return followers;
}

function disjoint(a: Piece, b: Piece): boolean {
  for (let code = 0; code < 256; code++) if (a.has(code) && b.has(code)) return false;
  return !(a.has(0x2603) && b.has(0x2603));
}

function parse(source: string): Piece[] | undefined {
  const pieces: Piece[] = [];
  let at = 0;
  while (at < source.length) {
    const choice = /^\((?:\?:)?([\w\-/. ]+(?:\|[\w\-/. ]+)*)\)(?![*+?{])/.exec(source.slice(at));
    if (choice !== null && choice[1] !== undefined) {
      const piece = choiceOf(choice[1]);
      if (piece === undefined) return undefined;
      pieces.push(piece);
      at += choice[0].length;
      continue;
    }
    const set = /^(?:\\([\s\S])|(\[(?:\^|(?!\^))[^\\[\]]+\])|([^\\^$*+?()[\]{}|]))/.exec(source.slice(at));
    if (set === null) return undefined;
    const text = setSource(set[1], set[2], set[3]);
    if (text === undefined) return undefined;
    at += set[0].length;
    const repeat = /^(?:([*+?])|\{(\d{1,2})(?:(,)(\d{1,2})?)?\})/.exec(source.slice(at));
    at += repeat?.[0].length ?? 0;
    if (repeat !== null && /^[?+*{]/.test(source.slice(at))) return undefined;
    const bounds = boundsOf(repeat);
    if (bounds === undefined) return undefined;
    pieces.push({ kind: 'set', source: text, has: setOf(set[3], text), ...bounds });
  }
  return pieces;
}

/** Which characters a set takes. `plain`: it is one character, or the dot. */
function setOf(plain: string | undefined, text: string): (code: number) => boolean {
  if (plain === '.') return (code) => code !== 10;
  if (plain !== undefined) return (code) => code === plain.charCodeAt(0);
  const known = sets.get(text);
  if (known !== undefined) return known;
  const test = new RegExp(`^${text}$`);
  const has = (code: number): boolean => test.test(String.fromCharCode(code));
  if (sets.size < mostSets) sets.set(text, has);
  return has;
}

/** The same few sets stand in most patterns. */
const sets = new Map<string, (code: number) => boolean>();
const mostSets = 64;

function setSource(escaped: string | undefined, bracket: string | undefined, plain: string | undefined): string | undefined {
  if (escaped !== undefined) return shorthand[escaped] ?? (punctuation.test(escaped) ? `[\\${escaped}]` : undefined);
  // A leading ']' or a class like [[:alpha:]] needs RE2's own reading.
  if (bracket !== undefined) return bracket;
  if (plain === '.') return '[^\\n]';
  return plain === undefined ? undefined : `[${plain}]`;
}

function boundsOf(repeat: RegExpExecArray | null): { min: number; max: number } | undefined {
  if (repeat === null) return { min: 1, max: 1 };
  const [, sign, low, comma, high] = repeat;
  if (sign === '*') return { min: 0, max: Infinity };
  if (sign === '+') return { min: 1, max: Infinity };
  if (sign === '?') return { min: 0, max: 1 };
  if (low === undefined) return undefined;
  const min = Number(low);
  const max = comma === undefined ? min : high === undefined ? Infinity : Number(high);
  return min > max || min > longestRepeat || (max !== Infinity && max > longestRepeat) ? undefined : { min, max };
}

/** Alternatives of which none begins another: at most one fits, so there is nothing to go back to. */
function choiceOf(text: string): Choice | undefined {
  const words = text.split('|');
  if (words.some((word) => word.includes('.'))) return undefined;
  const clash = words.some((a, i) => words.some((b, j) => i !== j && b.startsWith(a)));
  if (clash) return undefined;
  const first = new Set(words.map((word) => word.charCodeAt(0)));
  return { kind: 'choice', source: `(?:${words.map((word) => word.replaceAll('/', '\\/')).join('|')})`, has: (code) => first.has(code) };
}
