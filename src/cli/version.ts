// `heddle version`: which Heddle, on which Node.
import { readFileSync } from 'node:fs';
import { Command } from 'commander';

export function versionCommand(): Command {
  return new Command('version')
    .description('Shows the version of Heddle and of the Node that runs it.')
    .option('-o, --output <format>', 'text or json', 'text')
    .addHelpText('after', '\nExamples:\n  heddle version\n  heddle version -o json\n')
    .action(({ output }: { readonly output: string }) => {
      const heddle = packageVersion();
      const node = process.versions.node;
      process.stdout.write(output === 'json' ? `${JSON.stringify({ heddle, node })}\n` : `heddle ${heddle} (Node ${node})\n`);
    });
}

/** package.json stands two folders above, in a clone (src/cli) as in an installed package (dist/cli). */
function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null && 'version' in value ? String(value.version) : 'unknown';
}
