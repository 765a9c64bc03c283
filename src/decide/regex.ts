// Regular expressions with RE2's syntax and its promise: matching takes time linear in the text, whatever a user or an attacker writes.
// Patterns that are proven free of backtracking run on the faster native engine; re2js parses, validates and runs the others. It is loaded with the
// first of these: most proxies have none.
import type * as Re2 from 're2js';
import { failed, ok, type Result } from '#base/result.ts';
import { nativeSourceOf } from '#decide/regex-native.ts';

/** A compiled pattern. `matches` is a full match, as everywhere in Envoy's configuration (RE2::FullMatch). */
export type Regex = {
  readonly source: string;
  readonly engine: 'native' | 're2';
  readonly matches: (text: string) => boolean;
  /** Replaces each non-overlapping match (RE2::GlobalReplace); `\1` in the substitution is the first group, `\0` the match, `\\` a backslash. */
  readonly replaceAll: (text: string, substitution: string) => string;
};

let loaded: typeof Re2 | undefined;

/** In one step, because what asks compiles a configuration in one step. */
function compileRe2(source: string): Re2.RE2JS {
  // The type of the very package.
  loaded ??= process.getBuiltinModule('node:module').createRequire(import.meta.url)('re2js') as typeof Re2;
  return loaded.RE2JS.compile(source);
}

/** The error is RE2's own sentence about the pattern (lookahead, backreference, unbalanced bracket …). */
export function compileRegex(source: string): Result<Regex, string> {
  const native = nativeOf(source);
  // What is proven to be of the native engine's subset is also one of RE2's: it is asked for more than a match alone.
  if (native !== undefined) {
    let re2: Re2.RE2JS | undefined;
    const replaceAll = (text: string, substitution: string) => replaceEach((re2 ??= compileRe2(source)), text, substitution);
    return ok({ source, engine: 'native', matches: (text) => native.test(text), replaceAll });
  }
  try {
    const re2 = compileRe2(source);
    const replaceAll = (text: string, substitution: string) => replaceEach(re2, text, substitution);
    return ok({ source, engine: 're2', matches: (text) => re2.matches(text), replaceAll });
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}

type Test = { readonly test: (text: string) => boolean };

/** A literal between two wildcards, as Istio writes rules about namespaces: it is in the text, and all is one line. */
const contained = /^\.\*((?:\\[^A-Za-z0-9]|[\w/:@ -])+)\.\*$/;

function nativeOf(source: string): Test | undefined {
  const literal = contained.exec(source)?.[1]?.replaceAll(/\\(.)/g, '$1');
  if (literal !== undefined && !literal.includes('\n')) return { test: (text) => text.includes(literal) && !text.includes('\n') };
  try {
    const nativeSource = nativeSourceOf(source);
    return nativeSource === undefined ? undefined : new RegExp(nativeSource);
  } catch {
    // A range that runs backwards: RE2 says so in its own words.
    return undefined;
  }
}

function replaceEach(re2: Re2.RE2JS, text: string, substitution: string): string {
  const matcher = re2.matcher(text);
  let out = '';
  let from = 0;
  while (matcher.find()) {
    const start = matcher.start();
    // RE2 does not take an empty match right behind the match before.
    if (matcher.end() === start && start === from && from > 0) continue;
    out += text.slice(from, start) + expand(substitution, (group) => matcher.group(group) ?? '', matcher.groupCount());
    from = matcher.end();
  }
  return out + text.slice(from);
}

function expand(substitution: string, group: (index: number) => string, groups: number): string {
  return substitution.replace(/\\(\d|\\)/g, (_, what: string) => {
    if (what === '\\') return '\\';
    const index = Number(what);
    return index <= groups ? group(index) : '';
  });
}

/** Why a substitution cannot be used with a pattern, or undefined (RE2::CheckRewriteString). */
export function substitutionError(source: string, substitution: string): string | undefined {
  const groups = compileRe2(source).groupCount();
  for (const [, what] of substitution.matchAll(/\\(.|$)/gs)) {
    if (what === '\\') continue;
    if (what === undefined || !/\d/.test(what)) return 'a backslash must be followed by a digit or a backslash';
    if (Number(what) > groups) return `\\${what} names a group, but the pattern has ${groups}`;
  }
  return undefined;
}
