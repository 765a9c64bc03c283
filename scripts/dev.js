// `npm run dev [-- PATH… OPTIONS]`: the example mesh, which takes up changes of its YAML by itself, and starts anew when a file below src/
// changes.
import { continueUnder } from '../bin/node26.js';
import { readyUnderNode26, root } from './install-missing.js';

if (readyUnderNode26(import.meta.url)) {
  continueUnder(process.execPath, [
    '--watch',
    `--watch-path=${root}src`,
    '--watch-preserve-output',
    `${root}scripts/start.js`,
    ...process.argv.slice(2),
  ]);
}
