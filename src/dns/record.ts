// Resource records as bytes, written once and used in many answers: the owner's name is left out, as it mostly is a pointer to where it stands already.
import { type Answer, encode } from 'dns-packet';

/** Seconds; low, so that what changes in the mesh is soon known. Source: Istio, defaultTTLInSeconds. */
export const ttlSeconds = 30;

/** Type, class, TTL and data of a record: all that follows its owner's name. */
export type RecordBody = Uint8Array;

type Data =
  | { readonly type: 'A' | 'AAAA' | 'CNAME' | 'PTR'; readonly data: string }
  | { readonly type: 'SRV'; readonly data: { readonly priority: number; readonly weight: number; readonly port: number; readonly target: string } };

const headerBytes = 12;
const rootName = 1;

/** Undefined where the data cannot be written: an address that is none, a name that is too long. */
export function recordBody(data: Data): RecordBody | undefined {
  const name = data.type === 'SRV' ? data.data.target : data.type === 'CNAME' || data.type === 'PTR' ? data.data : undefined;
  if (name !== undefined && !fitsName(name)) return undefined;
  const answer: Answer = { ...data, name: '.', class: 'IN', ttl: ttlSeconds };
  try {
    return new Uint8Array(encode({ type: 'response', answers: [answer] }).subarray(headerBytes + rootName));
  } catch {
    return undefined;
  }
}

/** At most 63 bytes between dots, and 253 in all. Source: RFC 1035, 2.3.4. What writes messages would write a longer one as something else. */
export function fitsName(name: string): boolean {
  return Buffer.byteLength(name) <= 253 && name.split('.').every((label) => label !== '' && Buffer.byteLength(label) <= 63);
}

/** A name that stands for itself, not by a pointer. `name` must fit. */
export function nameBytes(name: string): Uint8Array {
  const question = encode({ type: 'query', questions: [{ type: 'A', name }] });
  return new Uint8Array(question.subarray(headerBytes, question.length - 4));
}

/** A pointer to a name that stands at `offset` of the message. Source: RFC 1035, 4.1.4. */
export function pointerTo(offset: number): Uint8Array {
  return Uint8Array.of(0xc0 | (offset >> 8), offset & 0xff);
}
