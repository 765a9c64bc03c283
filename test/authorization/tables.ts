// The tables of this folder, by the names of their files.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readTable, type TableCase } from '#test/authorization/stage.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));

export const tables: ReadonlyMap<string, readonly TableCase[]> = new Map(
  readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => [file.slice(0, -'.yaml'.length), readTable(readFileSync(`${folder}/${file}`, 'utf8'))]),
);
