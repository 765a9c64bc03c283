// Reads imports out of source text and judges them by the table in layers.ts. In: paths below src/ and their text. Out: one sentence for
// each break, such as a newcomer needs it. Text is matched, not parsed: an import stands at the start of a line or in `import(…)`.
import { aboveApp, type LayerTable } from '#layers';

/** The specifiers that a module names, type-only and dynamic ones included, in order. */
export function importsOf(text: string): readonly string[] {
  const statement = /^(?:import|export)\b[^'";]*?\bfrom\s*'([^']+)'|^import\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;
  return [...withoutComments(text).matchAll(statement)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

/** `files`: path below src/ (`compile/route.ts`) → text. */
export function layerBreaks(files: ReadonlyMap<string, string>, table: LayerTable): readonly string[] {
  return [...files].flatMap(([path, text]) => importsOf(text).flatMap((specifier) => judge(path, specifier, table) ?? []));
}

function judge(path: string, specifier: string, table: LayerTable): string | undefined {
  if (specifier.startsWith('.')) return `src/${path} imports ${specifier}: write #room/file.ts, so that the room is seen`;
  if (!specifier.startsWith('#')) return undefined;
  const target = specifier.slice(1);
  if (target.startsWith('test/')) {
    return path.endsWith('.test.ts') ? undefined : `src/${path} imports ${specifier}: only tests may import what is made for tests`;
  }
  if (target.endsWith('.test.ts')) return `src/${path} imports ${specifier}: nothing imports a test`;
  const room = ruling(path, table);
  if (room === undefined) return `src/${path} is in no room of layers.ts: add a line there and say why the room is needed`;
  if (mayImport(room, target, table)) return undefined;
  return `${room} may import: ${describeAllowed(room, table)}; src/${path} imports ${specifier}`;
}

function ruling(path: string, table: LayerTable): string | undefined {
  return Object.keys(table)
    .filter((name) => covers(name, path))
    .sort((a, b) => b.length - a.length)[0];
}

function mayImport(room: string, target: string, table: LayerTable): boolean {
  const own = room.split('/', 1)[0] ?? room;
  // A part with a rule of its own is not "the room itself" to the rest: model does not import model/build.
  if (covers(own, target)) return room !== own || ruling(target, table) === own;
  if (covers('base', target)) return true;
  const allowed = table[room] ?? [];
  if (allowed === 'everything below') return !aboveApp.some((name) => covers(name, target));
  return allowed.some((name) => covers(name, target));
}

/** `xds/client` covers `xds/client.ts` and `xds/client/ads.ts`, not `xds/clients.ts`. */
function covers(name: string, path: string): boolean {
  return path === `${name}.ts` || path.startsWith(`${name}/`);
}

function describeAllowed(room: string, table: LayerTable): string {
  const allowed = table[room] ?? [];
  if (allowed === 'everything below') return `everything but ${aboveApp.join(' and ')}`;
  return ['base', ...allowed].filter((name) => name !== room).join(', ') || 'nothing';
}

/** Each cycle once, as `a.ts → b.ts → a.ts`. Type-only imports count: files that need each other are one idea in two places. */
export function importCycles(files: ReadonlyMap<string, string>): readonly string[] {
  const edges = new Map(
    [...files].map(([path, text]) => [
      path,
      importsOf(text)
        .map((name) => name.slice(1))
        .filter((name) => files.has(name)),
    ]),
  );
  const state = new Map<string, 'open' | 'done'>();
  const trail: string[] = [];
  const cycles: string[] = [];
  const visit = (path: string): void => {
    state.set(path, 'open');
    trail.push(path);
    for (const next of edges.get(path) ?? []) {
      if (state.get(next) === 'open') cycles.push([...trail.slice(trail.indexOf(next)), next].join(' → '));
      else if (!state.has(next)) visit(next);
    }
    trail.pop();
    state.set(path, 'done');
  };
  for (const path of edges.keys()) if (!state.has(path)) visit(path);
  return cycles;
}

function withoutComments(text: string): string {
  return text.replace(/^\s*\/\/.*$/gm, '').replace(/\/\*[\s\S]*?\*\//g, '');
}
