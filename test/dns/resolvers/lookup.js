// What Node's two resolvers make of each name: `lookup` asks the C library, `resolve4` is c-ares. As the other programs here print it.
import { lookup, resolve4 } from 'node:dns/promises';

const [how, ...names] = process.argv.slice(2);
const ask = how === 'lookup' ? async (name) => (await lookup(name, { all: true })).map(({ address }) => address) : resolve4;
const found = await Promise.all(
  names.map(async (name) => [
    name,
    await ask(name).then(
      (addresses) => [...addresses].sort(),
      () => null,
    ),
  ]),
);
console.log(JSON.stringify(Object.fromEntries(found)));
