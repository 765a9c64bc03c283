// A certificate in, the names it speaks for out, by kind. node:crypto prints them as one text, `URI:spiffe://a/b, DNS:"with, comma"`.
import type { X509Certificate } from 'node:crypto';

export type PeerNames = {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly emails: readonly string[];
  readonly addresses: readonly string[];
};

export function peerNamesOf(certificate: X509Certificate): PeerNames {
  return parseSubjectAltName(certificate.subjectAltName ?? '');
}

/** A value that holds what could be mistaken for a separator is quoted as a JSON string (CVE-2021-44532); a quoted one is read as such. */
export function parseSubjectAltName(text: string): PeerNames {
  const names = { uris: [] as string[], dnsNames: [] as string[], emails: [] as string[], addresses: [] as string[] };
  for (const match of text.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*(?:,(?! )[^,]*)*)/g)) {
    const value = unquote(match[2] ?? '');
    if (match[1] === 'URI') names.uris.push(value);
    else if (match[1] === 'DNS') names.dnsNames.push(value);
    else if (match[1] === 'email') names.emails.push(value);
    else if (match[1] === 'IP Address') names.addresses.push(value);
  }
  return names;
}

function unquote(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    return String(JSON.parse(value));
  } catch {
    return '';
  }
}
