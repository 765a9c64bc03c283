// `npm start [-- PATH… OPTIONS]`: installs what is missing, then `heddle up` with the hello example or with what was given.
import { readyUnderNode26 } from './install-missing.js';

if (readyUnderNode26(import.meta.url)) {
  const given = process.argv.slice(2);
  const paths = given[0] === undefined || given[0].startsWith('-') ? ['examples/hello'] : [];
  process.argv.splice(2, given.length, 'up', ...paths, ...given);
  await import('../bin/heddle.js');
}
