// Knows one name.
import { createServer } from 'node:http';

const { NAME = 'world', PORT = '4000', HOST } = process.env;

createServer((_, response) => response.end(NAME)).listen(Number(PORT), HOST, () => console.log(`api listens on ${PORT}`));

process.on('SIGTERM', () => process.exit(0));
