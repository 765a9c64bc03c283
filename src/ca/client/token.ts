// The token that says who a workload is, from its file. Read each time it is needed: whoever issues tokens puts a newer one in its place.
import { readFileSync } from 'node:fs';
import { isObject } from '#base/object.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { SecretText } from '#base/secret-text.ts';

/** `expired`: since when, by the clock here, which may be wrong. */
export type FoundToken = { readonly token: SecretText; readonly expired?: string };

/** The error says why there is none to use: no file, an empty one, or one that holds something else. */
export function readToken(file: string, nowMs: number): Result<FoundToken, string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    return failed(`the token file ${file} cannot be read: ${error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'}`);
  }
  if (!/^[\w.~+/=-]+$/.test(text)) return failed(`the token file ${file} ${text === '' ? 'is empty' : 'does not hold one token'}`);
  const expiresAtMs = expiryOf(text);
  const token = new SecretText(text);
  const isOver = expiresAtMs !== undefined && expiresAtMs <= nowMs;
  return ok(isOver ? { token, expired: new Date(expiresAtMs).toISOString() } : { token });
}

/** The claim `exp` of a JWT, unverified, as a hint; undefined for tokens of other kinds. */
function expiryOf(token: string): number | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    const exp = isObject(claims) ? claims['exp'] : undefined;
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
