// Each folder test/golden/<area>/<case> with an in.yaml is a test: what it becomes must be what model.yaml, xds.yaml and diagnostics.txt
// say. `npm run test:update` rewrites them; read the difference as code. Files that no case makes any more are orphans, and fail.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dumpMesh, dumpXds, formatDump } from '#app/dump.ts';
import { formatDiagnostic } from '#base/diagnostic.ts';
import { type CompiledCase, compileCase, goldenCases } from '#test/support/golden-case.ts';

const update = process.env['UPDATE_GOLDENS'] === '1';
const written: ReadonlySet<string> = new Set(['in.yaml', 'calls.yaml', 'connections.yaml', 'tokens.yaml', 'README.md']);
const made: ReadonlySet<string> = new Set(['model.yaml', 'xds.yaml', 'diagnostics.txt']);

for (const goldenCase of goldenCases()) {
  void test(`golden ${goldenCase.area}/${goldenCase.name}`, () => {
    const texts = textsOf(compileCase(goldenCase));
    for (const [file, actual] of Object.entries(texts)) compare(join(goldenCase.folder, file), actual);
  });
}

void test('no orphans among the goldens', () => {
  const orphans = goldenCases().flatMap(({ folder }) =>
    readdirSync(folder)
      .filter((file) => !written.has(file) && !made.has(file))
      .map((file) => join(folder, file)),
  );
  if (update) for (const orphan of orphans) rmSync(orphan, { recursive: true });
  else assert.deepEqual(orphans, [], 'no case makes these files; npm run test:update removes them');
});

void test('there are cases to compare', () => {
  assert.ok(goldenCases().length >= 10, `only ${goldenCases().length} cases found`);
});

/** diagnostics.txt is there where there is something to say. */
function textsOf({ mesh, proxies, diagnostics, options, certificates }: CompiledCase): Readonly<Record<string, string>> {
  const xds = Object.fromEntries(proxies.map(({ title, compiled }) => [title, dumpXds(compiled, options.show)]));
  return {
    'model.yaml': certificates === undefined ? formatDump(dumpMesh(mesh), 'yaml') : withoutBytes(formatDump(dumpMesh(mesh), 'yaml')),
    'xds.yaml': certificates === undefined ? formatDump(xds, 'yaml') : withoutBytes(formatDump(xds, 'yaml')),
    'diagnostics.txt': diagnostics.map((diagnostic) => `${formatDiagnostic(diagnostic)}\n`).join(''),
  };
}

function compare(file: string, actual: string): void {
  const expected = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (actual === expected) return;
  if (!update) assert.equal(actual, expected, `${file} differs; npm run test:update rewrites it`);
  if (actual === '') rmSync(file);
  else writeFileSync(file, actual);
}

/** Certificates are made anew for each run. */
function withoutBytes(text: string): string {
  return text.replace(/(inline_bytes: )\S+|\b[0-9a-f]{64}\b|[A-Za-z0-9+/]{43}=/g, '$1(made for the test)');
}
