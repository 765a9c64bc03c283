// The listing of features: what each of Istio's fields and kinds does here, and the tests that show it. Read from test/features/*.yaml, one file
// per part, and written as test/features.md.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export type Feature = {
  /** The kind and the path of the field, as in YAML. */
  readonly feature: string;
  /** How many users meet it: core, common, rare; X has no effect in Istio either. */
  readonly tier: 'C' | 'M' | 'R' | 'X';
  /** The code of the warning where it has no effect. */
  readonly warns?: string;
  /** `file: name of the test`. */
  readonly tests: readonly string[];
};

export type FeaturePart = { readonly name: string; readonly features: readonly Feature[] };

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'test/features');

/** By part, in the order of their names. */
export function readFeatures(): readonly FeaturePart[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => ({
      name: file.replace(/\.yaml$/, ''),
      features: parse(readFileSync(join(folder, file), 'utf8')) as readonly Feature[], // written by us, and checked by mistakesOf
    }));
}

/** What is wrong with a row, one line each. */
export function mistakesOf({ name, features }: FeaturePart): readonly string[] {
  return features.flatMap(({ feature, tier, tests }) => {
    const where = `${name}: ${feature}`;
    if (feature === '') return [`${name}: a row without a feature`];
    if (!['C', 'M', 'R', 'X'].includes(tier)) return [`${where}: the tier is ${tier}`];
    if (tests.length === 0) return [`${where}: no test shows it`];
    return tests.flatMap((test) => {
      const named = splitTest(test);
      if (named === undefined) return [`${where}: '${test}' is not of the form 'file: name'`];
      return existsSync(join(root, named.file)) ? [] : [`${where}: there is no ${named.file}`];
    });
  });
}

export function splitTest(test: string): { readonly file: string; readonly name: string } | undefined {
  const match = /^(\S+\.test\.ts): (.+)$/s.exec(test);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { file: match[1], name: match[2] };
}

export function formatFeatures(parts: readonly FeaturePart[]): string {
  const rows = parts.flatMap(({ features }) => features);
  const count = (tier: Feature['tier']): number => rows.filter((row) => row.tier === tier).length;
  const tables = parts.map(
    ({ name, features }) => `## ${name}\n\n| feature | tier | shown by |\n| --- | --- | --- |\n${features.map(formatRow).join('\n')}\n`,
  );
  return [
    '# What works, and the test that shows it\n',
    'Made from `test/features/*.yaml` by `npm run test:update`. Tiers: C core, M common, R rare, X without effect in Istio too.\n',
    `${rows.length} rows: ${count('C')} C, ${count('M')} M, ${count('R')} R, ${count('X')} X; ${rows.filter(({ warns }) => warns !== undefined).length} of them have no effect and say so.\n`,
    ...tables,
  ].join('\n');
}

function formatRow({ feature, tier, warns, tests }: Feature): string {
  const shown = tests.map((test) => cell(splitTest(test)?.name ?? test)).join('<br>');
  return `| ${cell(feature)} | ${tier} | ${warns === undefined ? '' : `warns ${warns}: `}${shown} |`;
}

/** In a table a bar ends a cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
