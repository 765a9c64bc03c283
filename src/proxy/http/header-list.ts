// Reading and changing flat header lists (name, value, name, value …).
import type { HeaderList } from '#proxy/http/stream.ts';

/** The value of the first field with that lower-case name. */
export function fieldValue(headers: readonly string[], name: string): string | undefined {
  for (let index = 0; index < headers.length; index += 2) if (headers[index] === name) return headers[index + 1];
  return undefined;
}

/** All values of a name joined by ',', as RFC 9110 §5.3 allows. */
export function joinedValue(headers: readonly string[], name: string): string | undefined {
  let value: string | undefined;
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index] === name) value = value === undefined ? headers[index + 1] : `${value},${headers[index + 1]}`;
  }
  return value;
}

/** The value of each field of that name. */
export function fieldValues(headers: readonly string[], name: string): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index < headers.length; index += 2) if (headers[index] === name) values.push(headers[index + 1] ?? '');
  return values;
}

/** Overwrites the first field of that name or adds one. */
export function setField(headers: HeaderList, name: string, value: string): void {
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index] === name) {
      headers[index + 1] = value;
      return;
    }
  }
  headers.push(name, value);
}

/** Removes every field of that name. */
export function removeFields(headers: HeaderList, name: string): void {
  let to = 0;
  for (let from = 0; from < headers.length; from += 2) {
    if (headers[from] === name) continue;
    headers[to] = headers[from] ?? '';
    headers[to + 1] = headers[from + 1] ?? '';
    to += 2;
  }
  headers.length = to;
}

/** Puts the host behind those in x-forwarded-host, unless it is the last of them already (Envoy: Http::Utility::updateAuthority). */
export function appendForwardedHost(headers: HeaderList, host: string): void {
  const before = joinedValue(headers, 'x-forwarded-host');
  if (before === undefined || before === '') setField(headers, 'x-forwarded-host', host);
  else if (before.split(',').at(-1)?.trim() !== host) setField(headers, 'x-forwarded-host', `${before},${host}`);
}

/** Makes every value one that a head can carry: text beyond latin1 becomes UTF-8 bytes, what would end a line becomes a space. */
export function makeWireSafe(headers: HeaderList): void {
  for (let index = 1; index < headers.length; index += 2) {
    const value = headers[index] ?? '';
    if (unsafe.test(value)) headers[index] = Buffer.from(value, 'utf8').toString('latin1').replaceAll(breaking, ' ');
  }
}

const unsafe = /[^\t\x20-\x7e\x80-\xff]/;
const breaking = /[\0-\x08\x0a-\x1f\x7f]/g;
