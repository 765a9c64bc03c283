// `npm start [-- PATH… OPTIONS]`: installs what is missing, then `heddle up` with the hello example or with what was given.
import { fileURLToPath } from 'node:url';
import { readyUnderNode26 } from './install-missing.js';

if (readyUnderNode26(import.meta.url)) {
  const given = process.argv.slice(2);
  const paths = given[0] === undefined || given[0].startsWith('-') ? ['examples/hello'] : [];
  // As if it had been called itself: in a network of its own `heddle up` begins once more, by this name.
  const program = fileURLToPath(new URL('../bin/heddle.js', import.meta.url));
  process.argv.splice(1, 1 + given.length, program, 'up', ...paths, ...given);
  await import('../bin/heddle.js');
}
