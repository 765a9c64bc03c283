// The certificate authority as the command line shows and changes it: a folder in, what is in it and what becomes of it out.
import type { X509Certificate } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#base/clock.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { SecretText } from '#base/secret-text.ts';
import { createFolder, type FolderContent, isEmptyFolder, readFolder, unusable } from '#ca/folder/ca-folder.ts';
import { isOpenToOthers } from '#ca/folder/private-file.ts';
import { advanceRotation, type Rotation, readRotation, settleRotation, startRotation } from '#ca/folder/rotation.ts';
import { checkIdentity, formatIdentity, type Identity } from '#ca/identity.ts';
import { isIssuedBy, readCertificates } from '#ca/pem.ts';
import { fileNames } from '#ca/signing-set.ts';
import { issueToken, longestTokenMs, tokenKeyFile } from '#ca/token.ts';

/** For people and, as JSON, for programs. */
export type AuthorityView = {
  readonly folder: string;
  readonly signing: CertificateView;
  readonly intermediates: readonly CertificateView[];
  /** The one that signs first. */
  readonly roots: readonly CertificateView[];
  readonly revocationList: boolean;
  /** Present while the root is being changed. `next`: when the following step is taken by a control plane that runs. */
  readonly rotation?: { readonly step: Rotation['step']; readonly since: string; readonly next: string };
  readonly findings: readonly string[];
};

export type CertificateView = {
  readonly subject: string;
  /** SHA-256. */
  readonly fingerprint: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly selfSigned: boolean;
};

const soonMs = 30 * 24 * 3_600_000;

export function showAuthority(folder: string): Result<AuthorityView, Diagnostic> {
  const content = open(folder);
  if (!content.ok) return content;
  const rotation = readRotation(folder);
  if (!rotation.ok) return failed(unusable(folder, rotation.error));
  const { set } = content.value;
  const intermediates = readCertificates(set.intermediates);
  return ok({
    folder,
    signing: viewOf(set.certificate),
    intermediates: intermediates.ok ? intermediates.value.slice(1).map(viewOf) : [],
    roots: set.rootCertificates.map(viewOf),
    revocationList: set.crl !== undefined,
    ...(rotation.value !== undefined && {
      rotation: { step: rotation.value.step, since: rotation.value.since, next: new Date(rotation.value.nextAtMs).toISOString() },
    }),
    findings: findingsAbout(folder, content.value),
  });
}

/** A root of its own; the failure is a folder in which there is one. */
export function createAuthority(folder: string): Result<AuthorityView, Diagnostic> {
  try {
    if (!isEmptyFolder(folder))
      return failed(refused(`there is a certificate authority in ${folder} already`, 'see: heddle ca show; a new root: heddle ca rotate'));
    createFolder(folder, systemClock);
    return showAuthority(folder);
  } catch (error) {
    return failed(unusable(folder, reasonOf(error)));
  }
}

/** `begin` announces a new root, `sign` lets it sign before its time has come, `finish` drops the old one before its time has come. */
export type RotationStep = 'begin' | 'sign' | 'finish';

export function rotateAuthority(folder: string, step: RotationStep): Result<AuthorityView, Diagnostic> {
  const content = open(folder);
  if (!content.ok) return content;
  try {
    const moved = move(folder, step);
    return moved.ok ? showAuthority(folder) : failed(refused(moved.error, 'see: heddle ca show'));
  } catch (error) {
    return failed(unusable(folder, reasonOf(error)));
  }
}

function move(folder: string, step: RotationStep): Result<void, string> {
  settleRotation(folder);
  const present = readRotation(folder);
  if (!present.ok) return present;
  if (step === 'begin') {
    const begun = startRotation(folder, systemClock);
    return begun.ok ? ok(undefined) : begun;
  }
  if (present.value === undefined) return failed('no root is being changed: heddle ca rotate begins it');
  const expected = step === 'sign' ? 'announced' : 'signing';
  if (present.value.step !== expected) {
    return failed(step === 'sign' ? 'the new root signs already' : 'the new root does not sign yet: --sign comes before --finish');
  }
  advanceRotation(folder, present.value, systemClock);
  return ok(undefined);
}

export type TokenRequest = Identity & { readonly folder: string; readonly ttlMs: number; readonly pod?: string };

export type NewToken = { readonly token: SecretText; readonly identity: string; readonly expires: string };

/** The failure is a folder without an authority, a name that is none, or a time that is too long. */
export async function createToken({ folder, ttlMs, pod, ...identity }: TokenRequest): Promise<Result<NewToken, Diagnostic>> {
  const checked = checkIdentity(identity);
  if (!checked.ok) return failed(refused(checked.error, 'names are lower-case letters, digits, - and ., as in Kubernetes'));
  if (!(ttlMs >= 1000 && ttlMs <= longestTokenMs)) return failed(refused('a token lives from one second to 366 days'));
  const content = open(folder);
  if (!content.ok) return content;
  const nowMs = systemClock.nowMs();
  const token = await issueToken(content.value.tokenKey, pod === undefined ? { identity } : { identity, pod }, ttlMs, nowMs);
  return ok({ token, identity: formatIdentity(identity), expires: new Date(Math.floor((nowMs + ttlMs) / 1000) * 1000).toISOString() });
}

function refused(message: string, hint?: string): Diagnostic {
  return { code: 'HDL0090', severity: 'error', message, ...(hint !== undefined && { hint }) };
}

/** What is there already: nothing is made by looking. */
function open(folder: string): Result<FolderContent, Diagnostic> {
  try {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true || isEmptyFolder(folder)) {
      const hint = 'make one: heddle ca create, or heddle control-plane --ca; that of heddle up is in its state folder while it runs';
      return failed({ ...unusable(folder, ''), message: `there is no certificate authority in ${folder}`, hint });
    }
    return readFolder(folder, systemClock.nowMs());
  } catch (error) {
    return failed(unusable(folder, reasonOf(error)));
  }
}

function findingsAbout(folder: string, { set }: FolderContent): readonly string[] {
  const isOpen = [fileNames.key, tokenKeyFile].filter((name) => isOpenToOthers(join(folder, name)));
  const leftMs = set.notAfterMs - systemClock.nowMs();
  return [
    ...isOpen.map((name) => `${join(folder, name)} can be read by others than its owner`),
    ...(leftMs < soonMs ? [`the authority expires at ${new Date(set.notAfterMs).toISOString()}`] : []),
  ];
}

function viewOf(certificate: X509Certificate): CertificateView {
  return {
    subject: certificate.subject.replaceAll('\n', ', '),
    fingerprint: certificate.fingerprint256,
    notBefore: new Date(certificate.validFrom).toISOString(),
    notAfter: new Date(certificate.validTo).toISOString(),
    selfSigned: isIssuedBy(certificate, certificate),
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
