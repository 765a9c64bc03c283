// %START_TIME%: a strftime-like format in, a function from milliseconds to text out. Always UTC, as Envoy prints it.
import { failed, ok, type Result } from '#base/result.ts';

type TimeText = (epochMs: number) => string;

/** ISO 8601 with milliseconds, Envoy's format when none is given. The part down to the second is made once a second. */
export function isoTimeText(): TimeText {
  let second = -1;
  let prefix = '';
  return (epochMs) => {
    const whole = Math.floor(epochMs / 1000);
    if (whole !== second) {
      second = whole;
      prefix = new Date(whole * 1000).toISOString().slice(0, 20);
    }
    return `${prefix}${pad(Math.floor(epochMs) - whole * 1000, 3)}Z`;
  };
}

/** Envoy's specifiers: strftime's, plus `%s` seconds since the epoch, `%f` and `%1f` … `%9f` fractions of a second, `%E3S` and the like. */
export function compileTimeFormat(format: string): Result<TimeText, string> {
  const parts: (string | TimeText)[] = [];
  let literal = '';
  for (let at = 0; at < format.length; at++) {
    const char = format[at] ?? '';
    if (char !== '%') {
      literal += char;
      continue;
    }
    const match = /^%(E?)([0-9*]?)(.)/.exec(format.slice(at));
    const text = match === null ? undefined : specifier(match[1] ?? '', match[2] ?? '', match[3] ?? '');
    if (match === null || text === undefined) return failed(`time specifier ${match?.[0] ?? '%'} is not known`);
    parts.push(literal, text);
    literal = '';
    at += match[0].length - 1;
  }
  parts.push(literal);
  return ok((epochMs) => {
    let text = '';
    for (const part of parts) text += typeof part === 'string' ? part : part(epochMs);
    return text;
  });
}

function specifier(extended: string, digits: string, letter: string): TimeText | undefined {
  if (letter === 'f' && extended === '') return fraction(digits === '' ? 9 : Number(digits));
  if (letter === 'S' && extended !== '' && /[0-9]/.test(digits)) {
    const rest = fraction(Number(digits));
    return (ms) => `${pad(new Date(ms).getUTCSeconds(), 2)}${digits === '0' ? '' : `.${rest(ms)}`}`;
  }
  return digits === '' && extended === '' ? specifiers[letter] : undefined;
}

function fraction(digits: number): TimeText {
  return (ms) => pad(Math.floor((ms - Math.floor(ms / 1000) * 1000) * 1e6), 9).slice(0, digits);
}

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];

const specifiers: Readonly<Record<string, TimeText>> = {
  Y: (ms) => String(new Date(ms).getUTCFullYear()),
  y: (ms) => pad(new Date(ms).getUTCFullYear() % 100, 2),
  m: (ms) => pad(new Date(ms).getUTCMonth() + 1, 2),
  d: (ms) => pad(new Date(ms).getUTCDate(), 2),
  e: (ms) => String(new Date(ms).getUTCDate()).padStart(2, ' '),
  H: (ms) => pad(new Date(ms).getUTCHours(), 2),
  I: (ms) => pad(((new Date(ms).getUTCHours() + 11) % 12) + 1, 2),
  M: (ms) => pad(new Date(ms).getUTCMinutes(), 2),
  S: (ms) => pad(new Date(ms).getUTCSeconds(), 2),
  p: (ms) => (new Date(ms).getUTCHours() < 12 ? 'AM' : 'PM'),
  a: (ms) => (days[new Date(ms).getUTCDay()] ?? '').slice(0, 3),
  A: (ms) => days[new Date(ms).getUTCDay()] ?? '',
  b: (ms) => (months[new Date(ms).getUTCMonth()] ?? '').slice(0, 3),
  h: (ms) => (months[new Date(ms).getUTCMonth()] ?? '').slice(0, 3),
  B: (ms) => months[new Date(ms).getUTCMonth()] ?? '',
  j: (ms) => pad(Math.floor((ms - Date.UTC(new Date(ms).getUTCFullYear(), 0, 1)) / 86_400_000) + 1, 3),
  F: (ms) => new Date(ms).toISOString().slice(0, 10),
  T: (ms) => new Date(ms).toISOString().slice(11, 19),
  R: (ms) => new Date(ms).toISOString().slice(11, 16),
  D: (ms) => `${pad(new Date(ms).getUTCMonth() + 1, 2)}/${pad(new Date(ms).getUTCDate(), 2)}/${pad(new Date(ms).getUTCFullYear() % 100, 2)}`,
  s: (ms) => String(Math.floor(ms / 1000)),
  z: () => '+0000',
  Z: () => 'UTC',
  n: () => '\n',
  t: () => '\t',
  '%': () => '%',
};

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
