// Certificates for a test, made by openssl in a folder of their own: an authority and as many leaves as asked for, EC keys, a day long unless said.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type TemporaryFolder, temporaryFolder } from '#test/support/temporary-folder.ts';

export type Leaf = { readonly certificateFile: string; readonly keyFile: string; readonly certificate: string; readonly key: string };

export type Authority = AsyncDisposable & {
  readonly caFile: string;
  readonly ca: string;
  /** `names` as openssl writes them: `DNS:a.example`, `URI:spiffe://mesh/ns/default/sa/hello`. */
  readonly issue: (name: string, names: readonly string[], days?: number) => Promise<Leaf>;
};

const run = promisify(execFile);
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export async function startAuthority(): Promise<Authority> {
  const folder: TemporaryFolder = await temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  await run('openssl', ['req', '-x509', ...newKey, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-days', '1', '-subj', '/O=heddle test']);
  const issue = async (name: string, names: readonly string[], days = 1): Promise<Leaf> => {
    const extensions = await folder.write(`${name}.ext`, `subjectAltName=${names.join(',')}\n`);
    await run('openssl', ['req', ...newKey, '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`), '-subj', `/CN=${name}`]);
    const sign = ['x509', '-req', '-in', at(`${name}.csr`), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial'];
    await run('openssl', [...sign, '-out', at(`${name}.pem`), '-days', String(days), '-extfile', extensions]);
    const [certificate, key] = await Promise.all([readFile(at(`${name}.pem`), 'utf8'), readFile(at(`${name}.key`), 'utf8')]);
    return { certificateFile: at(`${name}.pem`), keyFile: at(`${name}.key`), certificate, key };
  };
  return { caFile: at('ca.pem'), ca: await readFile(at('ca.pem'), 'utf8'), issue, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}
