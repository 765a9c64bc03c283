// In: the protos shipped by @grpc/grpc-js-xds and our overlay (proto/). Out: src/envoy/gen, JavaScript and types made by buf and
// protoc-gen-es. Runs from `npm ci` (the `prepare` script) and does nothing where the result of the same inputs is already there.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const overlay = join(root, 'proto');
const out = join(root, 'src/envoy/gen');
const shipped = join(root, 'node_modules/@grpc/grpc-js-xds/deps');

// Protos that need packages which nobody ships (OpenCensus, Prometheus' client model, Google's service control) and that no
// resource of ours names, and the v2 API, which Envoy itself no longer reads.
const left_out = [
  /\/v2(alpha\d*)?\//,
  /envoy\/api\/v2\//,
  /opencensus\.proto$/,
  /envoy\/service\/(trace|metrics)\//,
  /google\/api\/service(control|management)\//,
  /^(tests|java)\//,
];

// Annotations that only Envoy's own generators read: without them the descriptors, and each process that loads them, are smaller.
const annotations = [
  'validate.rules',
  'validate.required',
  'validate.disabled',
  'udpa.annotations',
  'envoy.annotations',
  'google.api.http',
  'google.api.field_behavior',
];

function* protosIn(folder, below = '') {
  for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* protosIn(folder, path);
    else if (path.endsWith('.proto')) yield path;
  }
}

/** The hash of all that the result depends on: the script, the overlay, and the versions of the three packages. */
function inputHash() {
  const hash = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)));
  for (const path of [...protosIn(overlay)].sort()) hash.update(path).update(readFileSync(join(overlay, path)));
  for (const name of ['@grpc/grpc-js-xds', '@bufbuild/buf', '@bufbuild/protoc-gen-es']) {
    hash.update(JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version);
  }
  return hash.digest('hex');
}

function collectProtos(into) {
  for (const folder of ['envoy-api', 'googleapis', 'protoc-gen-validate', 'xds']) {
    for (const path of protosIn(join(shipped, folder))) {
      if (left_out.some((pattern) => pattern.test(path))) continue;
      const target = join(into, path);
      mkdirSync(join(target, '..'), { recursive: true });
      cpSync(join(shipped, folder, path), target);
    }
  }
  cpSync(overlay, into, { recursive: true });
  repairShipped(into);
}

// Two places where the shipped set does not build as it is: trace.proto re-exports the OpenCensus file left out above, and the
// validation rules lack a field which newer Envoy protos set.
function repairShipped(into) {
  edit(join(into, 'envoy/config/trace/v3/trace.proto'), (text) => text.replace(/^import public "[^"]*opencensus\.proto";\r?\n/m, ''));
  edit(join(into, 'validate/validate.proto'), addIgnoreEmpty);
}

function edit(file, change) {
  if (existsSync(file)) writeFileSync(file, change(readFileSync(file, 'utf8')));
}

// protoc-gen-validate gave each rule `optional bool ignore_empty = N` at the number that follows its last one.
function addIgnoreEmpty(text) {
  return text.replace(/^message (\w+Rules) \{\r?\n([\s\S]*?)^\}/gm, (whole, name, body) => {
    if (body.includes('ignore_empty') || name === 'FieldRules' || name === 'MessageRules') return whole;
    const numbers = [...body.matchAll(/=\s*(\d+)\s*[;[]/g)].map((match) => Number(match[1]));
    return `message ${name} {\n${body}    optional bool ignore_empty = ${Math.max(...numbers) + 1};\n}`;
  });
}

function generate(protos, target) {
  writeFileSync(join(protos, 'buf.yaml'), 'version: v2\n');
  writeFileSync(
    join(protos, 'buf.gen.yaml'),
    [
      'version: v2',
      'plugins:',
      `  - local: ${JSON.stringify(join(root, 'node_modules/.bin/protoc-gen-es'))}`,
      `    out: ${JSON.stringify(target)}`,
      '    opt: [target=js+dts, import_extension=js]',
      '    strategy: all',
      'inputs:',
      '  - directory: .',
      `    exclude_types: [${annotations.join(', ')}]`,
      '',
    ].join('\n'),
  );
  execFileSync(join(root, 'node_modules/.bin/buf'), ['generate'], { cwd: protos, stdio: ['ignore', 'inherit', 'inherit'] });
}

/**
 * Each file is made with its own imports alone. By itself the library walks down all that those import in turn, once for each way that leads there:
 * a fifth of the time that it takes to load these files. All types that a file names stand in
 * files that it imports itself; one that did not would end the loading of its file with its name.
 */
const fileDescription = `import { fileDesc as describe } from '@bufbuild/protobuf/codegenv2';

const bare = new WeakMap();

function withoutImports(file) {
  const known = bare.get(file);
  if (known !== undefined) return known;
  const made = { ...file, dependencies: [] };
  bare.set(file, made);
  return made;
}

export function fileDesc(text, imports = []) {
  const file = describe(text, imports.map(withoutImports));
  file.dependencies.splice(0, file.dependencies.length, ...imports);
  return file;
}
`;

function describeFilesFaster(folder) {
  writeFileSync(join(folder, 'file-desc.js'), fileDescription);
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('_pb.js')) continue;
    const up = '../'.repeat(path.split(sep).length - 1) || './';
    edit(join(folder, path), (text) =>
      text.replace(
        /^import \{ (?:(.*), )?fileDesc(?:, (.*))? \} from "@bufbuild\/protobuf\/codegenv2";$/m,
        (_, before, after) => `import { fileDesc } from "${up}file-desc.js";\n${importOf([before, after].filter(Boolean).join(', '))}`,
      ),
    );
  }
}

function importOf(names) {
  return names === '' ? '' : `import { ${names} } from "@bufbuild/protobuf/codegenv2";`;
}

const stamp = join(out, '.inputs');
const hash = inputHash();
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== hash) {
  const work = mkdtempSync(join(tmpdir(), 'heddle-protos-'));
  try {
    const protos = join(work, 'protos');
    mkdirSync(protos);
    collectProtos(protos);
    const fresh = `${out}.${process.pid}`;
    generate(protos, fresh);
    describeFilesFaster(fresh);
    writeFileSync(join(fresh, '.inputs'), hash);
    // Whoever reads the tree meanwhile misses it for as short as can be.
    const old = `${out}.${process.pid}.old`;
    if (existsSync(out)) renameSync(out, old);
    renameSync(fresh, out);
    rmSync(old, { recursive: true, force: true });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
