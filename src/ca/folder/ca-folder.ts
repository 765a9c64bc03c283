// The folder of an authority: the files that Istio knows (a plugged-in authority is put in place by writing them), the key of its tokens, and
// what a change of the root needs. A folder with nothing of it in it gets a root of its own.
import type { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { backdateMs } from '#ca/authority.ts';
import { writeRoot } from '#ca/certificate-writer.ts';
import { makePrivateFolder, readIfThere, writeWhole } from '#ca/folder/private-file.ts';
import { fileNames, readSigningSet, type SetFile, type SetTexts, type SigningSet } from '#ca/signing-set.ts';
import { makeTokenKey, readTokenKey, type TokenKey, tokenKeyFile } from '#ca/token.ts';

/** As Istio's own root. */
const rootYears = 10;
const yearMs = 365 * 24 * 3_600_000;

/** While the root changes, the control plane still shows a certificate under the old one, which those know who were away. */
export const formerFiles = { certificate: 'old-ca-cert.pem', key: 'old-ca-key.pem' } as const;

export type FolderContent = {
  /** What signs for workloads. */
  readonly set: SigningSet;
  /** What signs for the control plane itself. */
  readonly serverSet: SigningSet;
  readonly tokenKey: TokenKey;
};

/** Whether there is anything of an authority. */
export function isEmptyFolder(folder: string): boolean {
  return [fileNames.certificate, fileNames.key, fileNames.roots].every((name) => readIfThere(folder, name) === undefined);
}

/** A root of ten years, its key and the key of the tokens. Throws where the folder cannot be written. */
export function createFolder(folder: string, clock: Clock): void {
  makePrivateFolder(folder);
  const { certificate, key } = newRoot(clock);
  writeWhole(folder, fileNames.key, key);
  writeWhole(folder, fileNames.roots, certificate.toString(), 0o644);
  writeWhole(folder, fileNames.certificate, certificate.toString(), 0o644);
}

export function newRoot(clock: Clock): { readonly certificate: X509Certificate; readonly key: string } {
  const nowMs = clock.nowMs();
  const { certificate, key } = writeRoot({ notBeforeMs: nowMs - backdateMs, notAfterMs: nowMs + rootYears * yearMs });
  return { certificate, key: key.export({ format: 'pem', type: 'pkcs8' }).toString() };
}

/** All of it fits together, or a diagnostic with the file and the reason. A key for tokens that is missing is made. */
export function readFolder(folder: string, nowMs: number): Result<FolderContent, Diagnostic> {
  try {
    const texts = readTexts(folder);
    const set = readSigningSet(texts, nowMs);
    if (!set.ok) return failed(unusable(join(folder, fileNames[set.error.file]), set.error.reason));
    const token = readIfThere(folder, tokenKeyFile);
    if (token === undefined) writeWhole(folder, tokenKeyFile, makeTokenKey());
    const tokenKey = readTokenKey(token ?? readIfThere(folder, tokenKeyFile) ?? '');
    if (!tokenKey.ok) return failed(unusable(join(folder, tokenKeyFile), tokenKey.error));
    return ok({ set: set.value, serverSet: formerSet(folder, texts, nowMs) ?? set.value, tokenKey: tokenKey.value });
  } catch (error) {
    return failed(
      unusable(folder, error instanceof Error && 'code' in error ? `it cannot be read or written (${String(error.code)})` : String(error)),
    );
  }
}

export function readTexts(folder: string): SetTexts {
  const text = (file: SetFile) => readIfThere(folder, fileNames[file]);
  return { certificate: text('certificate'), key: text('key'), chain: text('chain'), roots: text('roots'), crl: text('crl') };
}

/** `file`: one of the folder, or the folder itself. */
export function unusable(file: string, reason: string): Diagnostic {
  return {
    code: 'HDL0090',
    severity: 'error',
    message: `the certificate authority cannot be used: ${file}: ${reason}`,
    hint: `the files of one authority belong together: ${Object.values(fileNames).join(', ')}`,
    at: { file, line: 0, col: 0 },
  };
}

/** Undefined when no root is being changed, or what is left of the old one can no longer sign. */
function formerSet(folder: string, { roots }: SetTexts, nowMs: number): SigningSet | undefined {
  const certificate = readIfThere(folder, formerFiles.certificate);
  const key = readIfThere(folder, formerFiles.key);
  if (certificate === undefined || key === undefined) return undefined;
  const former = readSigningSet({ certificate, key, chain: undefined, roots, crl: undefined }, nowMs);
  return former.ok ? former.value : undefined;
}
