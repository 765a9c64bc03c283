import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { layers } from '#layers';
import { importCycles, importsOf, layerBreaks } from '#test/support/import-rules.ts';

const src = fileURLToPath(new URL('../src', import.meta.url));
const written = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.startsWith('envoy/gen'))
  .sort();
const files = new Map(written.map((path) => [path, readFileSync(join(src, path), 'utf8')]));

test('each room imports only what layers.ts allows it', () => {
  assert.ok(files.size > 20, `only ${files.size} files found below ${src}`);
  assert.equal(layerBreaks(files, layers).join('\n'), '');
});

test('no two files import each other, by whatever detour', () => {
  assert.equal(importCycles(files).join('\n'), '');
});

test('no file is a barrel, too long, or without the lines that say what it is for', () => {
  const faults = [...files].flatMap(([path, text]) => [
    ...(/(^|\/)index\.ts$/.test(path) ? [`src/${path}: no barrels; import the file that has it`] : []),
    ...(text.split('\n').length > 501 ? [`src/${path}: ${text.split('\n').length} lines; above 500 it is more than one idea`] : []),
    ...(path.endsWith('.test.ts') || /^(#!.*\n)?\/\//.test(text)
      ? []
      : [`src/${path}: opens with no comment: what comes in, what goes out, what stays true`]),
  ]);
  assert.equal(faults.join('\n'), '');
});

test('imports of every form are seen, comments are not', () => {
  const text = [
    "import type { A } from '#a/a.ts';",
    "import {\n  b,\n  type B,\n} from '#b/b.ts';",
    "export * from '#c/c.ts';",
    "import '#d/d.ts';",
    "const e = await import('#e/e.ts');",
    "// import { f } from '#f/f.ts';",
    "/* import { g } from '#g/g.ts'; */",
  ].join('\n');
  assert.deepEqual(importsOf(text), ['#a/a.ts', '#b/b.ts', '#c/c.ts', '#d/d.ts', '#e/e.ts']);
});

test('a break is told with the rule and the place', () => {
  const breaks = (path: string, specifier: string) => layerBreaks(new Map([[path, `import { x } from '${specifier}';`]]), layers);
  assert.deepEqual(breaks('compile/x.ts', '#model/mesh.ts'), []);
  assert.deepEqual(breaks('compile/x.ts', '#api/resource.ts'), ['compile may import: base, model, envoy; src/compile/x.ts imports #api/resource.ts']);
  assert.deepEqual(breaks('proxy/x.ts', '#xds/client/ads.ts'), []);
  assert.equal(breaks('proxy/x.ts', '#xds/server.ts').length, 1);
  assert.deepEqual(breaks('model/build/x.ts', '#sources/snapshot.ts'), []);
  assert.equal(breaks('model/build/x.ts', '#sources/file/watch.ts').length, 1);
  assert.equal(breaks('model/mesh.ts', '#model/build/mesh.ts').length, 1);
  assert.equal(breaks('app/up.ts', '#cli/main.ts').length, 1);
  assert.equal(breaks('base/x.ts', './y.ts').length, 1);
  assert.equal(breaks('base/x.ts', '#test/support/envoy.ts').length, 1);
  assert.deepEqual(breaks('base/x.test.ts', '#test/support/envoy.ts'), []);
  assert.equal(breaks('helpers/x.ts', '#base/result.ts').length, 1);
});

test('a cycle is told as the way round', () => {
  const loop = new Map([
    ['a/a.ts', "import type { B } from '#b/b.ts';"],
    ['b/b.ts', "import { c } from '#c/c.ts';"],
    ['c/c.ts', "import { a } from '#a/a.ts';"],
  ]);
  assert.deepEqual(importCycles(loop), ['a/a.ts → b/b.ts → c/c.ts → a/a.ts']);
});
