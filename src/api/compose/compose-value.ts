// Small forms of values in compose files: words of a command line, maps written as lists, durations, variables. https://docs.docker.com/reference/compose-file/
import { isObject } from '#base/object.ts';

/** A command: a list as it is, a text cut into words as a shell would cut it (quotes and backslashes, nothing else). */
export function wordsOf(value: unknown): readonly string[] | undefined {
  if (Array.isArray(value)) return value.map(String);
  if (typeof value !== 'string') return undefined;
  const words = [...value.matchAll(/(?:[^\s"'\\]|\\.|"(?:\\.|[^"\\])*"|'[^']*')+/gs)].map(([word]) => word);
  return words.map((word) =>
    word.replaceAll(/"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs, (_, double?: string, single?: string, escaped?: string) =>
      double !== undefined ? double.replaceAll(/\\(["\\$`])/g, '$1') : (single ?? escaped ?? ''),
    ),
  );
}

/** `{ A: b }` and `[A=b]` alike; a name without a value is undefined. */
export function pairsOf(value: unknown): Readonly<Record<string, string | undefined>> {
  if (Array.isArray(value)) {
    return Object.fromEntries(
      value.map((one) => {
        const [name = '', ...rest] = String(one).split('=');
        return [name, rest.length === 0 ? undefined : rest.join('=')];
      }),
    );
  }
  if (!isObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, one === null || one === undefined ? undefined : String(one)]));
}

/** `1m30s` → 90, at least 1; compose's durations are Go's. */
export function secondsOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Math.max(1, Math.round(value));
  if (typeof value !== 'string') return undefined;
  const units: Readonly<Record<string, number>> = { us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== value) return undefined;
  return Math.max(1, Math.round(parts.reduce((sum, [, count, unit = 's']) => sum + Number(count) * (units[unit] ?? 1), 0)));
}

export type ComposePort = { readonly target: number; readonly published?: number; readonly protocol: string };

/**
 * The container's ports of `8080:80/tcp`, `127.0.0.1:8080:80`, `80`, `9090-9091:8080-8081` or `{ target: 80 }`, each with the one that it is published on; none
 * where it is no port, or ranges of two lengths.
 */
export function portsOf(value: unknown): readonly ComposePort[] {
  if (isObject(value)) {
    const { target, published, protocol = 'tcp' } = value;
    return typeof target !== 'number'
      ? []
      : [{ target, ...(published !== undefined && { published: Number(published) }), protocol: String(protocol) }];
  }
  const [, published, target = '', protocol = 'tcp'] =
    /^(?:(?:\d+\.\d+\.\d+\.\d+|\[[^\]]*\]):)?(?:(\d+(?:-\d+)?)?:)?(\d+(?:-\d+)?)(?:\/(tcp|udp))?$/.exec(String(value)) ?? [];
  const targets = rangeOf(target);
  if (published === undefined) return targets.map((one) => ({ target: one, protocol }));
  const outside = rangeOf(published);
  // Of a range outside for one port inside, compose takes any that is free: here the first.
  if (targets.length !== 1 && outside.length !== targets.length) return [];
  return targets.flatMap((one, index) => {
    const at = outside[index];
    return at === undefined ? [] : [{ target: one, published: at, protocol }];
  });
}

/** `8080-8081` → both; nothing for what is no port. */
function rangeOf(text: string): readonly number[] {
  const [first = 0, last = first] = text.split('-').map(Number);
  if (first < 1 || last > 65_535) return [];
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}

type Variables = Readonly<Record<string, string | undefined>>;

/** `$NAME`, `${NAME}`, `${NAME:-otherwise}`, `${NAME-otherwise}`, `${NAME:+instead}`, `$$` in every text of a value; `missing` is told of names without a value. */
export function interpolated(value: unknown, variables: Variables, missing: (name: string) => void): unknown {
  if (typeof value === 'string') return interpolatedText(value, variables, missing);
  if (Array.isArray(value)) return value.map((one) => interpolated(one, variables, missing));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, interpolated(one, variables, missing)]));
}

function interpolatedText(text: string, variables: Variables, missing: (name: string) => void): string {
  return text.replaceAll(
    /\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-+?])([^}]*))?\})/g,
    (_, dollar?: string, bare?: string, braced?: string, how = '', other = '') => {
      if (dollar !== undefined) return '$';
      const name = bare ?? braced ?? '';
      const found = variables[name];
      const isSet = found !== undefined && !(String(how).startsWith(':') && found === '');
      if (String(how).endsWith('+')) return isSet ? String(other) : '';
      if (isSet) return found;
      if (String(how).endsWith('-')) return String(other);
      missing(name);
      return '';
    },
  );
}

/** The text of an env file: `NAME=value` lines, comments, `export`, quotes. */
export function readEnvFile(text: string): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const [, name = '', raw = ''] = /^\s*(?:export\s+)?([A-Za-z_][\w.]*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === '') continue;
    const quoted =
      /^"((?:\\.|[^"\\])*)"/
        .exec(raw)?.[1]
        ?.replaceAll('\\n', '\n')
        .replaceAll(/\\(["\\$])/g, '$1') ?? /^'([^']*)'/.exec(raw)?.[1];
    variables[name] = quoted ?? raw.replace(/\s+#.*$/, '');
  }
  return variables;
}
