// `heddle ca`: the certificate authority of a mesh: what is in its folder, a new one, a change of its root.
import { Command, Option } from 'commander';
import type { AuthorityView, CertificateView, RotationStep } from '#app/authority.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Result } from '#base/result.ts';
import { fail, paintFor } from '#cli/style.ts';

type Options = { readonly ca: string; readonly output: 'text' | 'json' };
type RotateOptions = Options & { readonly sign?: boolean; readonly finish?: boolean };

/** Where `heddle up` has the authority of its mesh, below its state folder. */
export const defaultFolder = '.heddle/ca';

const help = `
The folder holds what Istio calls a plugged-in authority: ca-cert.pem, ca-key.pem, root-cert.pem and, where they are needed,
cert-chain.pem and ca-crl.pem. Write files of your own there and a control plane that runs takes them, once they fit together.

Examples:
  heddle ca show                        the authority of heddle up in this folder
  heddle ca create --ca ca/             a root of ten years, for heddle control-plane --ca ca/
  heddle ca rotate --ca ca/             begin to change the root
  heddle ca show --ca ca/ -o json | jq -r .roots[].fingerprint

Exit codes: 0 fine, 1 findings (it expires soon, a key can be read by others), 2 there is none or it cannot be used.
`;

const rotateHelp = `
The root is changed in three steps, and connections go on in all of them:
  announced   the new root is made, and workloads trust both; they are told at once
  signing     10 minutes later the new root signs, and workloads that are connected come for new certificates within 10 seconds
  (done)      25 hours after that, when no certificate of the old root is valid any more, the old root is dropped
A control plane that runs takes each step when its time has come, also after a restart. --sign and --finish take one before its
time: safe when every workload is connected (--sign), and has a certificate of the new root (--finish).

Only a root that signs by itself is changed this way. For a plugged-in authority write the new files in place of the old ones, with
both roots in root-cert.pem until all workloads have new certificates.

Examples:
  heddle ca rotate --ca ca/
  heddle ca rotate --ca ca/ --sign
  heddle ca rotate --ca ca/ --finish
`;

export function caCommand(): Command {
  const command = new Command('ca')
    .description('The certificate authority that gives workloads their identity: look at it, make one, change its root.')
    .addHelpText('after', help);
  command.addCommand(withOptions(new Command('show').description('Shows what signs, the roots, and the state of a change.')).action(show));
  command.addCommand(withOptions(new Command('create').description('Makes an authority with a root of its own in an empty folder.')).action(make));
  command.addCommand(
    withOptions(new Command('rotate').description('Begins to change the root, or takes the next step of it.'))
      .option('--sign', 'let the new root sign now, not when its time has come')
      .addOption(new Option('--finish', 'drop the old root now, not when its time has come').conflicts('sign'))
      .addHelpText('after', rotateHelp)
      .action(rotate),
  );
  return command;
}

function withOptions(command: Command): Command {
  return command
    .option('--ca <folder>', 'folder of the authority', defaultFolder)
    .addOption(new Option('-o, --output <format>', 'output format').choices(['text', 'json']).default('text'));
}

async function show({ ca, output }: Options): Promise<void> {
  const { showAuthority } = await import('#app/authority.ts');
  print(showAuthority(ca), output);
}

async function make({ ca, output }: Options): Promise<void> {
  const { createAuthority } = await import('#app/authority.ts');
  print(createAuthority(ca), output);
}

async function rotate({ ca, output, sign, finish }: RotateOptions): Promise<void> {
  const step: RotationStep = finish === true ? 'finish' : sign === true ? 'sign' : 'begin';
  const { rotateAuthority } = await import('#app/authority.ts');
  print(rotateAuthority(ca, step), output);
}

function print(result: Result<AuthorityView, Diagnostic>, output: Options['output']): void {
  if (!result.ok) {
    fail(result.error.message, { hint: result.error.hint });
    return;
  }
  process.stdout.write(output === 'json' ? `${JSON.stringify(result.value, undefined, 2)}\n` : asText(result.value));
  if (result.value.findings.length > 0) process.exitCode = 1;
}

function asText({ folder, signing, intermediates, roots, revocationList, rotation, findings }: AuthorityView): string {
  const paint = paintFor(process.stdout);
  const lines = [
    `${paint.strong('authority')}     ${folder}`,
    `${paint.strong('signs')}         ${line(signing)}`,
    ...intermediates.map((certificate) => `              ${line(certificate)}`),
    ...roots.map((certificate, index) => `${paint.strong(`root ${index + 1}`)}        ${line(certificate)}`),
    `${paint.strong('revocations')}   ${revocationList ? 'ca-crl.pem' : 'none'}`,
    ...(rotation === undefined ? [] : [`${paint.strong('change')}        ${describe(rotation)}`]),
    ...findings.map((finding) => `${paint.warn('finding')}       ${finding}`),
  ];
  return `${lines.join('\n')}\n`;
}

function line({ subject, fingerprint, notAfter }: CertificateView): string {
  return `${subject}, until ${notAfter.slice(0, 10)}, sha256 ${fingerprint.slice(0, 23)}…`;
}

function describe({ step, since, next }: NonNullable<AuthorityView['rotation']>): string {
  switch (step) {
    case 'announced':
      return `both roots are trusted since ${since}; the new one signs from ${next}, or with --sign`;
    case 'signing':
      return `the new root signs since ${since}; the old one is dropped at ${next}, or with --finish`;
  }
}
