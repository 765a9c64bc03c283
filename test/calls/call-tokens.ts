// Tokens in a table of calls. `tokens.yaml` beside it names them, by the key that signs and the claims that they make; `<token NAME>` in a call stands
// for one. Times are said from now: `exp: +1h`. Keys follow from their names, so that a golden can hold their public halves.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { parseDurationMs } from '#base/duration.ts';
import { type Jwk, namedKey, signToken } from '#test/support/token-signer.ts';

type WrittenToken = { readonly key: string; readonly claims: Jwk; readonly header?: Jwk };

/** `text` with each token in place of its name. */
export function withTokens(folder: string, text: string): string {
  const file = join(folder, 'tokens.yaml');
  if (!existsSync(file)) return text;
  const written = parse(readFileSync(file, 'utf8')) as Readonly<Record<string, WrittenToken>>; // written by us
  const nowSeconds = Math.floor(Date.now() / 1000);
  const signed = new Map<string, string>();
  return text.replaceAll(/<token ([\w-]+)>/g, (_, name: string) => {
    const known = signed.get(name);
    if (known !== undefined) return known;
    const token = written[name];
    if (token === undefined) throw new Error(`${file} has no token ${name}`);
    const claims = Object.fromEntries(Object.entries(token.claims).map(([claim, value]) => [claim, timeOf(value, nowSeconds)]));
    const made = signToken(namedKey(token.key), claims, token.header);
    signed.set(name, made);
    return made;
  });
}

function timeOf(value: unknown, nowSeconds: number): unknown {
  const from = typeof value === 'string' ? /^([+-])(\d+[smhd])$/.exec(value) : null;
  if (from === null) return value;
  const seconds = (parseDurationMs(from[2] ?? '') ?? 0) / 1000;
  return from[1] === '-' ? nowSeconds - seconds : nowSeconds + seconds;
}
