import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type DiagnosticCode, explainCode, heddleCodes, istioCodes } from '#base/diagnostic-codes.ts';

const source = join(import.meta.dirname, '..');
const istioMessages = join(source, '../../shared/istio-cases/messages.yaml');

test('codes are in order, and each says something of its own', () => {
  const tables: readonly Readonly<Record<string, DiagnosticCode>>[] = [heddleCodes, istioCodes];
  for (const table of tables) {
    const codes = Object.keys(table);
    assert.deepEqual(codes, [...codes].sort());
    for (const [code, { title, explanation }] of Object.entries(table)) {
      assert.match(code, /^(?:HDL|IST)\d{4}$/);
      assert.ok(title !== '' && explanation.endsWith('.'), code);
    }
  }
  const titles = Object.values<DiagnosticCode>(heddleCodes).map(({ title }) => title);
  assert.equal(new Set(titles).size, titles.length);
});

test('a code is written once in its table', () => {
  const text = readFileSync(join(import.meta.dirname, 'diagnostic-codes.ts'), 'utf8');
  const rows = [...text.matchAll(/^ {2}((?:HDL|IST)\d{4}):/gm)].map(([, code]) => code);
  assert.equal(new Set(rows).size, rows.length, `twice: ${rows.filter((code, at) => rows.indexOf(code) !== at).join(', ')}`);
});

test('every code that the sources use is in the table', () => {
  const files = globSync('**/*.ts', { cwd: source }).filter((file) => !file.endsWith('.test.ts') && !file.startsWith('envoy/gen'));
  assert.ok(files.length > 100);
  for (const file of files) {
    for (const [code] of readFileSync(join(source, file), 'utf8').matchAll(/\b(?:HDL|IST)\d{4}\b/g)) {
      assert.ok(explainCode(code) !== undefined, `${file} uses ${code}, which is not in base/diagnostic-codes.ts`);
    }
  }
});

test("Istio's codes have Istio's names", { skip: !existsSync(istioMessages) && 'the messages of Istio are not here (../shared/istio-cases)' }, () => {
  const text = readFileSync(istioMessages, 'utf8');
  const names = new Map([...text.matchAll(/- name: "(\w+)"\s+code: (IST\d{4})/g)].map(([, name, code]) => [code, name]));
  for (const [code, { title }] of Object.entries(istioCodes)) assert.equal(title, names.get(code), code);
});
