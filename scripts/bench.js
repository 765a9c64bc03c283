// `npm run bench [-- NAME…]`: installs what is missing, then measures (bench/main.ts).
import { readyUnderNode26 } from './install-missing.js';

if (readyUnderNode26(import.meta.url)) await import('../bench/main.ts');
