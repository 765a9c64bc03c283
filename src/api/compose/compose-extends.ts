// `extends` of a compose file: a service that takes over what another one says, of this file or of a second one. In: the services as written. Out: the same
// without `extends`. https://docs.docker.com/reference/compose-file/services/#extends
import { dirname, relative, resolve } from 'node:path';
import type { ReadOther, Report } from '#api/compose/compose-place.ts';
import { interpolated, pairsOf } from '#api/compose/compose-value.ts';
import { parseYaml } from '#api/yaml-document.ts';
import { isObject } from '#base/object.ts';

type Body = Readonly<Record<string, unknown>>;
type Services = Readonly<Record<string, unknown>>;

export type ExtendsContext = {
  /** Absolute. */
  readonly folder: string;
  readonly readOther: ReadOther;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly report: Report;
};

/** What cannot be followed is reported, and its service is as it is written. */
export function withExtended(services: Services, context: ExtendsContext): Services {
  return Object.fromEntries(
    Object.entries(services).map(([name, body]) => {
      const tell = (message: string, hint: string): void => context.report('error', 'HDL0460', ['services', name, 'extends'], message, hint);
      return [name, isObject(body) ? extended(name, body, { services, folder: context.folder, seen: [] }, context, tell) : body];
    }),
  );
}

type Place = {
  readonly services: Services;
  readonly folder: string;
  /** Who has led here: `folder service`. */
  readonly seen: readonly string[];
};

function extended(name: string, body: Body, place: Place, context: ExtendsContext, tell: (message: string, hint: string) => void): Body {
  const { extends: written, ...own } = body;
  if (written === undefined) return body;
  const [service, file] = isObject(written) ? [String(written['service']), written['file']] : [String(written), undefined];
  const other = file === undefined ? place : otherFile(resolve(place.folder, String(file)), context);
  const base = other?.services[service];
  if (other === undefined || !isObject(base)) {
    tell(
      `${name} extends ${service}${file === undefined ? '' : ` of ${String(file)}`}, which is not there`,
      'as { file: other.yaml, service: NAME }',
    );
    return own;
  }
  const step = `${String(file ?? '')} ${other.folder} ${service}`;
  if (place.seen.includes(step) || (file === undefined && service === name)) {
    tell(`${name} extends ${service}, which extends it`, 'take one of the two away');
    return own;
  }
  const whole = extended(service, base, { ...other, seen: [...place.seen, step] }, context, tell);
  return merged(rebased(whole, other.folder, place.folder), own);
}

function otherFile(path: string, { readOther, variables }: ExtendsContext): Place | undefined {
  const text = readOther(path);
  const [document] = text === undefined ? [] : parseYaml(text);
  const value = document === undefined || document.errors.length > 0 ? undefined : interpolated(document.value, variables, () => {});
  return isObject(value) && isObject(value['services']) ? { services: value['services'], folder: dirname(path), seen: [] } : undefined;
}

/** Paths that are relative to one folder, seen from another one. */
function rebased(body: Body, from: string, to: string): Body {
  if (from === to) return body;
  const moved = (path: string): string => `./${relative(to, resolve(from, path))}`;
  const file = (one: unknown): unknown => (isObject(one) ? { ...one, path: moved(String(one['path'])) } : moved(String(one)));
  const volume = (one: unknown): unknown => {
    if (isObject(one)) return typeof one['source'] === 'string' && one['source'].startsWith('.') ? { ...one, source: moved(one['source']) } : one;
    const [source = '', ...rest] = String(one).split(':');
    return source.startsWith('.') ? [moved(source), ...rest].join(':') : one;
  };
  const { env_file: files, volumes } = body;
  return {
    ...body,
    ...(files !== undefined && { env_file: (Array.isArray(files) ? files : [files]).map(file) }),
    ...(Array.isArray(volumes) && { volumes: volumes.map(volume) }),
  };
}

/** Written as a map or as a list of `NAME=value`: one by one, the later one wins. */
const pairKeys: ReadonlySet<string> = new Set(['environment', 'labels', 'annotations']);
/** A whole command takes the place of another one. */
const wholeKeys: ReadonlySet<string> = new Set(['command', 'entrypoint', 'test']);

/** Compose's rules: maps key by key, lists one after the other, anything else as the later one has it. */
function merged(base: Body, own: Body): Body {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(own)) {
    const before = result[key];
    if (before === undefined || wholeKeys.has(key)) result[key] = value;
    else if (pairKeys.has(key)) result[key] = { ...withNull(pairsOf(before)), ...withNull(pairsOf(value)) };
    else if (key === 'depends_on') result[key] = { ...dependencies(before), ...dependencies(value) };
    else if (Array.isArray(value) || Array.isArray(before)) result[key] = [...listOf(before), ...listOf(value)];
    else result[key] = isObject(before) && isObject(value) ? merged(before, value) : value;
  }
  return result;
}

/** A name without a value stays one. */
function withNull(pairs: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string | null>> {
  return Object.fromEntries(Object.entries(pairs).map(([name, value]) => [name, value ?? null]));
}

function dependencies(value: unknown): Body {
  return isObject(value) ? value : Object.fromEntries(listOf(value).map((name) => [String(name), { condition: 'service_started' }]));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}
