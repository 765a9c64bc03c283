// Certificates for a golden case, made when it is read, so that no key is ever committed. In: what the case's options name. Out: the case's text with
// `$(certificate NAME)`, `$(key NAME)`, `$(roots)`, `$(strange roots)` and `$(revoked)` replaced by PEM, each on its line, `$(hash NAME)` and `$(spki NAME)`
// by what servers know a client's certificate by; and the PEM for those who call.
import { execFileSync } from 'node:child_process';
import { hash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** By name; the subject of each is its name. */
export type CertificateWishes = Readonly<Record<string, CertificateWish>>;

export type CertificateWish = {
  /** As openssl writes them: `DNS:a.example`. */
  readonly for: readonly string[];
  /** EC unless said. */
  readonly key?: 'ec' | 'rsa';
  /** Signed by an authority that nobody trusts. */
  readonly strange?: boolean;
  /** On the revocation list `$(revoked)`. */
  readonly revoked?: boolean;
};

export type CaseCertificates = {
  readonly roots: string;
  readonly pair: (name: string) => { readonly certificate: string; readonly key: string };
};

const made = new Map<string, { readonly text: string; readonly certificates: CaseCertificates }>();

/** The same for the same text within one process: all tests of a case see the same keys. `inBase64` in a placeholder encodes, as `data` of a Secret. */
export function withCertificates(text: string, wishes: CertificateWishes): { readonly text: string; readonly certificates: CaseCertificates } {
  const key = `${JSON.stringify(wishes)}\n${text}`;
  let found = made.get(key);
  if (found === undefined) {
    const pems = makeCertificates(wishes);
    found = { text: replaced(text, pems), certificates: certificatesOf(pems) };
    made.set(key, found);
  }
  return found;
}

type Pems = ReadonlyMap<string, string>;

function replaced(text: string, pems: Pems): string {
  return text.replace(/\$\(([a-z0-9 -]+?)( in base64)?\)/g, (placeholder, name: string, inBase64: string | undefined) => {
    const pem = pems.get(name);
    if (pem === undefined) throw new Error(`${placeholder} is not among the certificates of the case: ${[...pems.keys()].join(', ')}`);
    return inBase64 === undefined ? JSON.stringify(pem) : Buffer.from(pem).toString('base64');
  });
}

function certificatesOf(pems: Pems): CaseCertificates {
  const get = (name: string): string => {
    const pem = pems.get(name);
    if (pem === undefined) throw new Error(`the case has no ${name}`);
    return pem;
  };
  return { roots: get('roots'), pair: (name) => ({ certificate: get(`certificate ${name}`), key: get(`key ${name}`) }) };
}

function makeCertificates(wishes: CertificateWishes): Pems {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-case-'));
  try {
    return new CertificateMaker(folder).make(wishes);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class CertificateMaker {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  make(wishes: CertificateWishes): Pems {
    const pems = new Map<string, string>();
    for (const authority of ['roots', 'strange roots']) pems.set(authority, this.#authority(authority));
    const revoked: string[] = [];
    for (const [index, [name, wish]] of Object.entries(wishes).entries()) {
      const serial = String(index + 10);
      const { certificate, key } = this.#issue(name, wish, serial);
      pems.set(`certificate ${name}`, certificate).set(`key ${name}`, key);
      const { raw, publicKey } = new X509Certificate(certificate);
      pems.set(`hash ${name}`, hash('sha256', raw, 'hex'));
      pems.set(`spki ${name}`, hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'base64'));
      if (wish.revoked === true) revoked.push(serial);
    }
    if (revoked.length > 0) pems.set('revoked', this.#revocationList(revoked));
    return pems;
  }

  #authority(name: string): string {
    const subject = ['-subj', `/O=${name} of the test`, '-days', '2'];
    this.#openssl('req', '-x509', ...newKey('ec'), '-keyout', `${name}.key`, '-out', `${name}.pem`, ...subject);
    return this.#read(`${name}.pem`);
  }

  #issue(name: string, { for: names, key = 'ec', strange = false }: CertificateWish, serial: string) {
    const authority = strange ? 'strange roots' : 'roots';
    writeFileSync(join(this.#folder, 'ext'), `subjectAltName=${names.join(',')}\n`);
    this.#openssl('req', ...newKey(key), '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const sign = ['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`, '-set_serial', serial, '-days', '1', '-extfile', 'ext'];
    this.#openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...sign);
    return { certificate: this.#read(`${name}.pem`), key: this.#read(`${name}.key`) };
  }

  /** The authority's database of revoked serial numbers, and the list that openssl makes of it. */
  #revocationList(serials: readonly string[]): string {
    const rows = serials.map(
      (serial) => `R\t491231000000Z\t240101000000Z\t${Number(serial).toString(16).toUpperCase().padStart(2, '0')}\tunknown\t/CN=x\n`,
    );
    writeFileSync(join(this.#folder, 'index.txt'), rows.join(''));
    writeFileSync(join(this.#folder, 'crl.cnf'), '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=2\n');
    this.#openssl('ca', '-gencrl', '-config', 'crl.cnf', '-keyfile', 'roots.key', '-cert', 'roots.pem', '-out', 'crl.pem');
    return this.#read('crl.pem');
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.#folder, stdio: 'pipe' });
  }

  #read(name: string): string {
    return readFileSync(join(this.#folder, name), 'utf8');
  }
}

function newKey(kind: 'ec' | 'rsa'): readonly string[] {
  return kind === 'rsa' ? ['-newkey', 'rsa:2048', '-nodes'] : ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
}
