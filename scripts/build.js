// `npm run build`: dist/, what the npm package ships. Each source file becomes one .js beside its .d.ts and source map, at the same place
// below dist/ as below src/, so that what a file finds by its own address stays where it is. `#room/x.ts` becomes a relative path: the
// subpath imports of package.json point at src/, which the package does not have. The generated Envoy code is copied. The examples go to
// dist/examples with their servers compiled, because Node strips no types below node_modules (docs/adr/0003-build-layout.md).
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { readyUnderNode26, root } from './install-missing.js';

const src = join(root, 'src');
const dist = join(root, 'dist');

if (readyUnderNode26(import.meta.url)) {
  rmSync(dist, { recursive: true, force: true });
  const { transform } = await import('esbuild');
  cpSync(join(src, 'envoy/gen'), join(dist, 'envoy/gen'), { recursive: true, filter: (path) => !path.endsWith('/.inputs') });
  await compileSources(transform);
  writeDeclarations();
  await copyExamples(transform);
  process.stdout.write(`dist: ${filesBelow(dist).length} files\n`);
}

/** @param {typeof import('esbuild').transform} transform */
async function compileSources(transform) {
  for (const path of filesBelow(src)) {
    if (!path.endsWith('.ts') || path.endsWith('.test.ts') || path.startsWith('envoy/gen/')) continue;
    const { code, map } = await compile(transform, join(src, path), path);
    const target = join(dist, path.replace(/\.ts$/, '.js'));
    write(target, `${withRelativeImports(code, path)}//# sourceMappingURL=${path.split('/').pop().replace(/\.ts$/, '.js')}.map\n`);
    write(`${target}.map`, map);
  }
}

/** @param {typeof import('esbuild').transform} transform */
async function compile(transform, file, name) {
  const source = readFileSync(file, 'utf8');
  return transform(source, { loader: 'ts', format: 'esm', target: 'esnext', sourcemap: 'external', sourcefile: name, sourcesContent: true });
}

function writeDeclarations() {
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
  for (const path of filesBelow(dist).filter((name) => name.endsWith('.d.ts') && !name.startsWith('envoy/gen/'))) {
    write(join(dist, path), withRelativeImports(readFileSync(join(dist, path), 'utf8'), path));
  }
}

/** `'#model/mesh.ts'` in the file `compile/route.ts` → `'../model/mesh.js'`. esbuild gives a `require` of one's own a number. */
function withRelativeImports(code, path) {
  return code.replace(/(\bfrom\s*|\bimport\s*\(?\s*|\brequire\d*\(\s*)(["'])#([^"']+)\2/g, (_, before, quote, target) => {
    const way = relative(dirname(path), target).replace(/\.ts$/, '.js');
    return `${before}${quote}${way.startsWith('.') ? way : `./${way}`}${quote}`;
  });
}

/** @param {typeof import('esbuild').transform} transform */
async function copyExamples(transform) {
  const examples = join(root, 'examples');
  for (const path of filesBelow(examples).filter((name) => !/(^|\/)(\.heddle|node_modules)\//.test(name))) {
    const target = join(dist, 'examples', path);
    if (path.endsWith('.ts')) {
      const { code } = await compile(transform, join(examples, path), path);
      write(target.replace(/\.ts$/, '.js'), code.replace(/(\bfrom\s*["']\.[^"']*)\.ts(["'])/g, '$1.js$2'));
    } else {
      const text = readFileSync(join(examples, path), 'utf8');
      write(target, /(?:heddle|compose)\.ya?ml$/.test(path) ? text.replace(/\.ts\b/g, '.js') : text);
    }
  }
}

function filesBelow(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

function write(file, content) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}
