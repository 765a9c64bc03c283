// Certificates of authorities for tests, made by openssl and not by us: roots, intermediates, leaves, revocation lists, in a folder.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Made = { readonly certificate: string; readonly key: string; readonly certificateFile: string; readonly keyFile: string };

export type MakeOptions = {
  /** Without one it signs itself. */
  readonly issuer?: Made;
  readonly ca?: boolean;
  readonly key?: 'ec' | 'ec-384' | 'rsa' | 'rsa-1024' | 'ed25519';
  readonly days?: number;
  /** As openssl writes them: `URI:spiffe://…`. */
  readonly names?: string;
};

export function openssl(...args: readonly string[]): string {
  return execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString();
}

export function make(folder: string, name: string, { issuer, ca = true, key = 'ec', days = 30, names }: MakeOptions = {}): Made {
  const at = (end: string) => join(folder, `${name}.${end}`);
  openssl('genpkey', ...algorithm(key), '-out', at('key'));
  const extensions = [
    `basicConstraints=critical,CA:${ca ? 'TRUE' : 'FALSE'}`,
    `keyUsage=critical,${ca ? 'keyCertSign,cRLSign' : 'digitalSignature'}`,
    'subjectKeyIdentifier=hash',
    ...(names === undefined ? [] : [`subjectAltName=critical,${names}`]),
  ];
  writeFileSync(at('ext'), `${extensions.join('\n')}\n`);
  openssl('req', '-new', '-key', at('key'), '-subj', `/O=test/CN=${name}`, '-out', at('csr'));
  const signer = issuer === undefined ? ['-signkey', at('key')] : ['-CA', issuer.certificateFile, '-CAkey', issuer.keyFile, '-CAcreateserial'];
  openssl('x509', '-req', '-in', at('csr'), ...signer, '-days', String(days), '-extfile', at('ext'), '-out', at('pem'));
  return { certificate: readFileSync(at('pem'), 'utf8'), key: readFileSync(at('key'), 'utf8'), certificateFile: at('pem'), keyFile: at('key') };
}

/** A revocation list of `issuer` with these certificates in it. */
export function revoke(folder: string, issuer: Made, certificates: readonly string[]): string {
  const own = mkdtempSync(join(folder, 'crl-'));
  const at = (name: string) => join(own, name);
  writeFileSync(at('index.txt'), '');
  writeFileSync(at('crlnumber'), '01\n');
  writeFileSync(
    at('ca.cnf'),
    `[ca]\ndefault_ca=own\n[own]\ndatabase=${at('index.txt')}\ncrlnumber=${at('crlnumber')}\ndefault_md=sha256\ndefault_crl_days=30\n`,
  );
  const as = ['ca', '-config', at('ca.cnf'), '-cert', issuer.certificateFile, '-keyfile', issuer.keyFile];
  for (const [index, certificate] of certificates.entries()) {
    writeFileSync(at(`revoked-${index}.pem`), certificate);
    openssl(...as, '-revoke', at(`revoked-${index}.pem`));
  }
  return openssl(...as, '-gencrl');
}

function algorithm(key: NonNullable<MakeOptions['key']>): readonly string[] {
  switch (key) {
    case 'ec':
      return ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    case 'ec-384':
      return ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'];
    case 'rsa':
      return ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'];
    case 'rsa-1024':
      return ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'];
    case 'ed25519':
      return ['-algorithm', 'ED25519'];
  }
}
