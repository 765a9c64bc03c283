// A certificate request (PKCS #10, RFC 2986) from a stranger, read as far as it counts: its key, that whoever asks holds it, and whom it names. The
// form is taken apart here, because requests of our own clients hold no more; extensions that others put in are read by a library.
import { createPublicKey, type KeyObject } from 'node:crypto';
import { failed, ok, type Result } from '#base/result.ts';
import { tags } from '#ca/client/der.ts';
import { type Element, readElements, readInside } from '#ca/der-reader.ts';
import { isSignature } from '#ca/signature-algorithm.ts';
import { weakness } from '#ca/signing-set.ts';
import { loadX509 } from '#ca/x509.ts';

/** Requests are a few hundred bytes; an RSA key of 8192 bits makes one of some 3 KB. */
const longestRequest = 16 * 1024;

export type CertificateRequest = {
  /** SubjectPublicKeyInfo, DER, as OpenSSL writes it. */
  readonly publicKey: Buffer;
  /** The URIs that are asked for. */
  readonly uris: readonly string[];
};

/** PEM in. The error is a sentence for whoever asked. */
export async function readCertificateRequest(pem: string): Promise<Result<CertificateRequest, string>> {
  if (pem.length > longestRequest) return failed(`the certificate request is longer than ${longestRequest} bytes`);
  const body = /^\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END \1?CERTIFICATE REQUEST-----\s*$/.exec(pem)?.[2];
  if (body === undefined) return failed('the certificate request is not one block of PEM');
  const parts = takeApart(Buffer.from(body, 'base64'));
  if (parts === undefined) return failed('the certificate request cannot be read');
  const weak = weakness(parts.key);
  if (weak !== undefined) return failed(weak);
  if (!isSignature(parts.key, parts.signed, parts.algorithm, parts.signature))
    return failed('the signature of the certificate request is wrong: whoever asks does not hold the key');
  const uris = parts.hasAttributes ? await urisOf(pem) : [];
  if (uris === undefined) return failed('what the certificate request asks for cannot be read');
  return ok({ publicKey: parts.key.export({ format: 'der', type: 'spki' }), uris });
}

type Parts = {
  readonly key: KeyObject;
  readonly signed: Buffer;
  readonly algorithm: Element;
  readonly signature: Buffer;
  readonly hasAttributes: boolean;
};

/** RFC 2986 section 4: the information (version, subject, key, attributes), the algorithm, the signature. */
function takeApart(der: Buffer): Parts | undefined {
  const [information, algorithm, bits, ...rest] = readInside(der) ?? [];
  if (information === undefined || algorithm?.tag !== tags.sequence || bits?.tag !== tags.bitString || bits.content[0] !== 0 || rest.length > 0) {
    return undefined;
  }
  const [version, subject, publicKey, attributes, ...more] = readElements(information.content) ?? [];
  if (version?.whole.toString('hex') !== '020100' || subject?.tag !== tags.sequence || publicKey === undefined || more.length > 0) return undefined;
  if (attributes !== undefined && attributes.tag !== tags.context0) return undefined;
  const key = readKey(publicKey.whole);
  if (key === undefined) return undefined;
  const hasAttributes = attributes !== undefined && attributes.content.length > 0;
  return { key, signed: information.whole, algorithm, signature: bits.content.subarray(1), hasAttributes };
}

function readKey(spki: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

async function urisOf(pem: string): Promise<readonly string[] | undefined> {
  const x509 = await loadX509();
  try {
    return new x509.Pkcs10CertificateRequest(pem).extensions.flatMap((extension) =>
      extension instanceof x509.SubjectAlternativeNameExtension
        ? extension.names.items.filter(({ type }) => type === 'url').map(({ value }) => value)
        : [],
    );
  } catch {
    return undefined;
  }
}
