// A change of the root in three steps, none of which breaks a connection: the new root is announced beside the old one; it signs, and the old one
// is still trusted; the old one is dropped. Each step is written down before it is taken and may be taken again, so that whoever was killed in the
// middle, or another process, goes on.
import { X509Certificate } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import { isObject } from '#base/object.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { defaultValidityMs } from '#ca/authority.ts';
import { formerFiles, newRoot, readTexts } from '#ca/folder/ca-folder.ts';
import { readIfThere, writeWhole } from '#ca/folder/private-file.ts';
import { isIssuedBy, joinCertificates, readCertificates } from '#ca/pem.ts';
import { fileNames, readSigningSet } from '#ca/signing-set.ts';

const stateFile = 'rotation.json';
const nextFiles = { certificate: 'next-ca-cert.pem', key: 'next-ca-key.pem' } as const;

const minuteMs = 60_000;
/** Time for each workload to learn of the new root: those that are connected know it at once. */
export const announcedMs = 10 * minuteMs;
/** Time for each certificate under the old root to be replaced, an hour more than the longest that is given unasked. */
export const signingMs = defaultValidityMs + 60 * minuteMs;

export type Rotation = { readonly step: 'announced' | 'signing'; readonly since: string; readonly nextAtMs: number };

/** Undefined when no root is being changed; the error says that the state cannot be read. */
export function readRotation(folder: string): Result<Rotation | undefined, string> {
  const text = readIfThere(folder, stateFile);
  if (text === undefined) return ok(undefined);
  const value = parse(text);
  if (!isObject(value)) return failed(`${stateFile} is not JSON`);
  const { step, since, nextAt } = value;
  const nextAtMs = typeof nextAt === 'string' ? Date.parse(nextAt) : Number.NaN;
  if ((step !== 'announced' && step !== 'signing') || typeof since !== 'string' || Number.isNaN(nextAtMs)) {
    return failed(`${stateFile} does not say step, since and nextAt`);
  }
  return ok({ step, since, nextAtMs });
}

/** Makes the new root and announces it. Only a root that signs workloads itself can be changed so: what is plugged in is changed where it was made. */
export function startRotation(folder: string, clock: Clock): Result<Rotation, string> {
  const present = readRotation(folder);
  if (!present.ok) return present;
  if (present.value !== undefined) return failed(`the root is being changed already, since ${present.value.since}`);
  const set = readSigningSet(readTexts(folder), clock.nowMs());
  if (!set.ok) return failed(`${fileNames[set.error.file]}: ${set.error.reason}`);
  if (!isIssuedBy(set.value.certificate, set.value.certificate)) {
    return failed('the signing certificate is plugged in and not a root: write the new files in its place, with both roots in root-cert.pem');
  }
  if (set.value.crl !== undefined) {
    return failed(
      `${fileNames.crl} has no list of the new root, and peers would refuse all certificates: take the file away while the root is changed`,
    );
  }
  const { certificate, key } = newRoot(clock);
  writeWhole(folder, nextFiles.key, key);
  writeWhole(folder, nextFiles.certificate, certificate.toString(), 0o644);
  const rotation = write(folder, 'announced', clock, announcedMs);
  settleRotation(folder);
  return ok(rotation);
}

/** Takes the step that follows; undefined when that was the last one. */
export function advanceRotation(folder: string, { step }: Rotation, clock: Clock): Rotation | undefined {
  switch (step) {
    case 'announced': {
      const rotation = write(folder, 'signing', clock, signingMs);
      settleRotation(folder);
      return rotation;
    }
    case 'signing': {
      settleRotation(folder);
      const certificate = readIfThere(folder, fileNames.certificate);
      if (certificate !== undefined) writeWhole(folder, fileNames.roots, certificate, 0o644);
      remove(folder, [formerFiles.key, formerFiles.certificate, stateFile]);
      return undefined;
    }
  }
}

/** Brings the files to what the step says that was written down. Does nothing where they are there already. */
export function settleRotation(folder: string): void {
  const rotation = readRotation(folder);
  const certificate = readIfThere(folder, nextFiles.certificate);
  const key = readIfThere(folder, nextFiles.key);
  if (!rotation.ok || rotation.value === undefined || certificate === undefined) return;
  if (rotation.value.step === 'announced') {
    trust(folder, certificate, 'last');
    return;
  }
  if (key === undefined) {
    // The key goes first, when all else is done.
    remove(folder, [nextFiles.certificate]);
    return;
  }
  keepFormer(folder, certificate);
  trust(folder, certificate, 'first');
  writeWhole(folder, fileNames.key, key);
  writeWhole(folder, fileNames.certificate, certificate, 0o644);
  remove(folder, [fileNames.chain, nextFiles.key, nextFiles.certificate]);
}

/** What signed until now, unless the new one is in its place already. */
function keepFormer(folder: string, next: string): void {
  const certificate = readIfThere(folder, fileNames.certificate);
  const key = readIfThere(folder, fileNames.key);
  if (certificate === undefined || key === undefined || certificate === next || !fits(certificate, key)) return;
  writeWhole(folder, formerFiles.key, key);
  writeWhole(folder, formerFiles.certificate, certificate, 0o644);
}

/** After a kill between the two writes, the key is the new one already and the certificate is not. */
function fits(certificate: string, key: string): boolean {
  return readSigningSet({ certificate, key, chain: undefined, roots: undefined, crl: undefined }, 0).ok;
}

function trust(folder: string, certificate: string, place: 'first' | 'last'): void {
  const added = new X509Certificate(certificate);
  const present = readCertificates(readIfThere(folder, fileNames.roots) ?? readIfThere(folder, fileNames.certificate) ?? '');
  const others = present.ok ? present.value.filter(({ raw }) => !raw.equals(added.raw)) : [];
  const text = joinCertificates(place === 'first' ? [added, ...others] : [...others, added]);
  if (text !== readIfThere(folder, fileNames.roots)) writeWhole(folder, fileNames.roots, text, 0o644);
}

function write(folder: string, step: Rotation['step'], clock: Clock, waitMs: number): Rotation {
  const nowMs = clock.nowMs();
  const since = new Date(nowMs).toISOString();
  const nextAtMs = nowMs + waitMs;
  writeWhole(folder, stateFile, `${JSON.stringify({ step, since, nextAt: new Date(nextAtMs).toISOString() })}\n`);
  return { step, since, nextAtMs };
}

function remove(folder: string, names: readonly string[]): void {
  for (const name of names) rmSync(join(folder, name), { force: true });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
