// `npm run docs`: runs what README.md shows and writes the real output into its marked blocks. Read the difference before committing it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readyUnderNode26, root } from './install-missing.js';

if (readyUnderNode26(import.meta.url)) {
  const { recordSessions, writeBlocks } = await import('../test/support/readme-sessions.ts');
  const file = join(root, 'README.md');
  writeFileSync(file, writeBlocks(readFileSync(file, 'utf8'), await recordSessions(8080)));
}
