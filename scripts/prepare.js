// Ends each `npm ci` and `npm install` in a clone: the Envoy API types are made, and node_modules is marked with its lockfile. An
// installed package has neither protos nor lockfile and brings its compiled code along: there is nothing to do then.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { markInstalled, root } from './install-missing.js';

if (existsSync(join(root, 'package-lock.json')) && existsSync(join(root, 'node_modules/@bufbuild/buf'))) {
  await import('./generate-envoy.js');
  markInstalled();
}
