// `heddle compile PATH --proxy NAME.NAMESPACE`: the mesh as Heddle understands it, or what one proxy is told, on stdout; findings on stderr.
import { Command, Option } from 'commander';
import { compileFiles } from '#app/compile.ts';
import { diagnosticLines } from '#cli/event-line.ts';
import { exitCodeFor } from '#cli/exit-code.ts';
import { fail, paintFor } from '#cli/style.ts';

type Options = { readonly proxy?: string; readonly to: 'model' | 'xds'; readonly output: 'yaml' | 'json' };

const examples = `
Examples:
  heddle compile examples/hello --proxy istio-ingressgateway-0.istio-system
  heddle compile examples/hello --proxy hello-v1.default -o json | jq '.clusters[].name'
  heddle compile examples/hello --to model
`;

export function compileCommand(): Command {
  return new Command('compile')
    .description('Shows what YAML files come to: the mesh as Heddle understands it, or the Envoy configuration (xDS) of one proxy.')
    .argument('<path...>', 'YAML files and folders')
    .option('-p, --proxy <name.namespace>', 'the pod whose proxy is meant')
    .addOption(new Option('--to <what>', 'the mesh, or the Envoy configuration of the proxy').choices(['model', 'xds']).default('xds'))
    .addOption(new Option('-o, --output <format>', 'output format').choices(['yaml', 'json']).default('yaml'))
    .addHelpText('after', examples)
    .action(compile);
}

async function compile(paths: readonly string[], { proxy, to, output }: Options): Promise<void> {
  const compiled = await compileFiles({ paths, to, format: output, ...(proxy !== undefined && { proxy }) });
  if (!compiled.ok) {
    fail(compiled.error);
    return;
  }
  const { text, diagnostics } = compiled.value;
  process.stdout.write(text);
  if (diagnostics.length > 0) process.stderr.write(`${diagnosticLines(diagnostics, paintFor(process.stderr))}\n`);
  process.exitCode = exitCodeFor(diagnostics, { findings: ['error'] });
}
