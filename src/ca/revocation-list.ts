// Revocation lists (RFC 5280 section 5) of an authority, read for two questions: does each one who signs have a list, as peers that check demand it
// of the whole chain; and is a certificate taken back.
import type { X509Certificate } from 'node:crypto';
import { failed, ok, type Result } from '#base/result.ts';
import { tags } from '#ca/client/der.ts';
import { type Element, readElements, readInside } from '#ca/der-reader.ts';
import { isSignature } from '#ca/signature-algorithm.ts';

export type RevocationList = {
  /** The name of who signed it, DER. */
  readonly issuer: Buffer;
  readonly nextUpdateMs: number | undefined;
  /** Serial numbers, hexadecimal as Node writes them. */
  readonly serials: ReadonlySet<string>;
  readonly isSignedBy: (authority: X509Certificate) => boolean;
};

const block = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END X509 CRL-----/g;
const begin = /-----BEGIN X509 CRL-----/g;

/** PEM in. The error is a sentence. */
export function readRevocationLists(pem: string): Result<readonly RevocationList[], string> {
  const lists = [...pem.matchAll(block)].map(([, body = '']) => readList(Buffer.from(body, 'base64')));
  const whole = lists.filter((list) => list !== undefined);
  if (whole.length === 0 || whole.length !== [...pem.matchAll(begin)].length)
    return failed('it holds no revocation list, or one that cannot be read');
  return ok(whole);
}

/** What keeps peers from verifying anything with these lists: an authority without a list of its own, or one whose time is over. */
export function gapIn(lists: readonly RevocationList[], authorities: readonly X509Certificate[], nowMs: number): string | undefined {
  for (const authority of authorities) {
    const list = lists.find((candidate) => candidate.isSignedBy(authority));
    const name = authority.subject.replaceAll('\n', ', ');
    if (list === undefined) return `it holds no list of ${name}, and with some lists there, peers demand one of each authority`;
    if (list.nextUpdateMs !== undefined && list.nextUpdateMs <= nowMs) {
      return `the list of ${name} is out of date since ${new Date(list.nextUpdateMs).toISOString()}: peers refuse every certificate`;
    }
  }
  return undefined;
}

/** By the lists of whoever signed the certificate. */
export function isRevoked(certificate: X509Certificate, lists: readonly RevocationList[], authorities: readonly X509Certificate[]): boolean {
  const serial = plain(certificate.serialNumber);
  const issuers = authorities.filter((authority) => certificate.checkIssued(authority));
  return lists.some((list) => list.serials.has(serial) && issuers.some((issuer) => list.isSignedBy(issuer)));
}

function readList(der: Buffer): RevocationList | undefined {
  const [signed, algorithm, bits] = readInside(der) ?? [];
  if (signed === undefined || algorithm?.tag !== tags.sequence || bits?.tag !== tags.bitString || bits.content[0] !== 0) return undefined;
  const fields = readElements(signed.content) ?? [];
  // The version may be left out.
  const [, issuer, , ...rest] = fields[0]?.tag === tags.integer ? fields.slice(1) : fields;
  if (issuer?.tag !== tags.sequence) return undefined;
  const next = rest.find(isTime);
  const entries = rest.find(({ tag }) => tag === tags.sequence);
  const numbers = (entries === undefined ? [] : (readElements(entries.content) ?? [])).map(({ content }) => readElements(content)?.[0]);
  if (numbers.some((number) => number?.tag !== tags.integer)) return undefined;
  return {
    issuer: issuer.whole,
    nextUpdateMs: next === undefined ? undefined : timeOf(next),
    serials: new Set(numbers.flatMap((number) => (number === undefined ? [] : [plain(number.content.toString('hex'))]))),
    isSignedBy: (authority) => isSignature(authority.publicKey, signed.whole, algorithm, bits.content.subarray(1)),
  };
}

function isTime({ tag }: Element): boolean {
  return tag === 0x17 || tag === 0x18;
}

/** UTCTime has two digits for the year, of 1950 to 2049. */
function timeOf({ tag, content }: Element): number {
  const digits = content.toString('latin1');
  const full = tag === 0x18 ? digits : `${Number(digits.slice(0, 2)) >= 50 ? '19' : '20'}${digits}`;
  return Date.parse(full.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

function plain(serial: string): string {
  return serial.toUpperCase().replace(/^0+/, '');
}
