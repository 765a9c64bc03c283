import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDiagnostic } from '#base/diagnostic.ts';
import { readImageMap } from '#runtime/image-map.ts';

test('reads commands, folders relative to the file, and variables', () => {
  const map = readImageMap(
    '/mesh/heddle.yaml',
    'images:\n  "hello:1.0":\n    command: [node, server.ts]\n    cwd: app\n    env: { VERSION: v1, N: 3 }\n',
  );
  assert.deepEqual(map.diagnostics, []);
  assert.deepEqual(map.images.get('hello:1.0'), {
    image: 'hello:1.0',
    command: ['node', 'server.ts'],
    cwd: '/mesh/app',
    env: { VERSION: 'v1', N: '3' },
    origin: { file: '/mesh/heddle.yaml', line: 2, col: 3 },
  });
});

const mistakes: readonly (readonly [string, string, RegExp])[] = [
  [
    'a field with a slip',
    'images:\n  a:\n    comand: [x]\n',
    /^heddle.yaml:3:5: error \[HDL0401\] unknown field comand\n {4}fix: did you mean command\?/,
  ],
  ['an unknown top field', 'image: {}\n', /heddle.yaml:1:1: .*unknown field image\n.*did you mean images/],
  ['no command', 'images:\n  a: { cwd: x }\n', /heddle.yaml:2:3: .*an image must have a command/],
  ['a command that is no list', 'images:\n  a: { command: node x }\n', /heddle.yaml:2:17: .*command must be a list/],
  ['YAML that does not parse', 'images: [\n', /heddle.yaml:\d+:\d+: error/],
  ['not a map', '- x\n', /must be a map/],
];

for (const [name, text, expected] of mistakes) {
  test(`${name} is named with its place`, () => {
    const { images, diagnostics } = readImageMap('heddle.yaml', text);
    assert.equal(images.size, 0);
    assert.match(diagnostics.map(formatDiagnostic).join('\n'), expected);
  });
}

test('a wrong entry leaves the others in force', () => {
  const { images, diagnostics } = readImageMap('heddle.yaml', 'images:\n  a: { command: 3 }\n  b: { command: [x] }\n');
  assert.deepEqual([...images.keys()], ['b']);
  assert.equal(diagnostics.length, 1);
});
