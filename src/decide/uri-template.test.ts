import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileUriTemplate } from '#decide/uri-template.ts';

test('a template matches whole paths, segment by segment', () => {
  const table: [template: string, matching: readonly string[], other: readonly string[]][] = [
    [
      '/videos/*',
      ['/videos/a', '/videos/a%2Fb', '/videos/a:b@c', '/videos/a=b', '/videos/a*b'],
      ['/videos', '/videos/', '/videos/a/b', '/other/a', '/videos/a[b'],
    ],
    ['/videos/{id}', ['/videos/1'], ['/videos/', '/videos/1/2']],
    ['/videos/{id=*}/x', ['/videos/1/x'], ['/videos/1/y', '/videos//x']],
    ['/videos/**', ['/videos/', '/videos/a', '/videos/a/b/c'], ['/videos', '/video']],
    ['/**', ['/', '/a/b'], []],
    ['/**.mpd', ['/content/55/manifest.mpd', '/.mpd'], ['/content/manifestXmpd']],
    ['/*/*/**', ['/a/b/', '/a/b/c/d'], ['/a/b', '/a']],
    ['/a/{b=c/*}/d', ['/a/c/x/d'], ['/a/x/c/d', '/a/c/x']],
    ['/a.b/', ['/a.b/'], ['/aXb/', '/a.b']],
    ['/', ['/'], ['', '/a']],
  ];
  for (const [template, matching, other] of table) {
    const compiled = compileUriTemplate(template);
    if (!compiled.ok) throw new Error(`${template}: ${compiled.error}`);
    for (const path of matching) {
      assert.ok(compiled.value.matches(path), `${template} takes ${path}`);
      assert.ok(path.startsWith(compiled.value.begin), `${path} begins with ${compiled.value.begin}`);
    }
    for (const path of other) assert.ok(!compiled.value.matches(path), `${template} does not take ${path}`);
  }
});

test('what is no template is told', () => {
  const wrong = [
    '',
    'videos',
    '/a b',
    '/**/*',
    '/**/{x}',
    '/{a}/{a}',
    '/{1}',
    '/{}',
    '/{a',
    '/{a=}',
    '/{a=b/}',
    '/a{b}',
    '/*a*',
    '/*a/b',
    '/{aaaaaaaaaaaaaaaaa}',
    '/{a}/{b}/{c}/{d}/{e}/{f}',
    '//a',
    '/a[b',
  ];
  for (const template of wrong) assert.equal(compileUriTemplate(template).ok, false, template);
});
