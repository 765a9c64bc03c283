// In: the bytes of a message. Out: the one question in it, or how it is to be refused. Nothing that anybody sends makes this throw.
import { decode } from 'dns-packet';

export const rcodes = { noError: 0, formatError: 1, serverFailure: 2, nameError: 3, notImplemented: 4, refused: 5, badVersion: 16 } as const;

/** Numbers of record types. Source: IANA. */
export const types = { a: 1, cname: 5, ptr: 12, aaaa: 28, srv: 33, opt: 41, any: 255 } as const;

export type Edns = { readonly udpSize: number; readonly dnssecOk: boolean };

export type Query = {
  readonly bytes: Buffer;
  /** Lower case, without the last dot; empty for the root. A label with a dot in it is in no table: such a name has a NUL in front. */
  readonly name: string;
  readonly type: number;
  /** Where the question ends and what follows it begins. */
  readonly questionEnd: number;
  readonly edns: Edns | undefined;
};

export type Reading =
  | { readonly kind: 'query'; readonly query: Query }
  /** `questionEnd`: of a question that can be repeated; 0 where there is none. */
  | { readonly kind: 'refusal'; readonly rcode: number; readonly questionEnd: number; readonly edns: Edns | undefined }
  /** Not even a header, or an answer: to answer these may go on for ever. */
  | { readonly kind: 'nothing' };

const headerBytes = 12;
const internetClass = 1;
/** OPT, and what may sign a question. */
const mostAdditionals = 3;

export function readQuery(bytes: Buffer): Reading {
  if (bytes.length < headerBytes) return { kind: 'nothing' };
  const flags = bytes.readUInt16BE(2);
  if ((flags & 0x8000) !== 0) return { kind: 'nothing' };
  if ((flags & 0x7800) !== 0) return refusal(rcodes.notImplemented);
  // Several questions have no answer that anybody understands. Source: RFC 9619.
  if (bytes.readUInt16BE(4) !== 1) return refusal(rcodes.formatError);
  // Nor do questions with answers; and following names through thousands of records would take long.
  if (bytes.readUInt32BE(6) !== 0 || bytes.readUInt16BE(10) > mostAdditionals) return refusal(rcodes.formatError);
  const nameEnd = endOfName(bytes);
  const questionEnd = nameEnd + 4;
  if (nameEnd === 0 || questionEnd > bytes.length) return refusal(rcodes.formatError);
  const message = decodeSafely(bytes);
  const [question] = message?.questions ?? [];
  if (message === undefined || question === undefined) return refusal(rcodes.formatError, questionEnd);
  const options = (message.additionals ?? []).filter((record) => record.type === 'OPT');
  const [option] = options;
  if (options.length > 1) return refusal(rcodes.formatError, questionEnd);
  const edns = option === undefined ? undefined : { udpSize: option.udpPayloadSize, dnssecOk: (option.flags & 0x8000) !== 0 };
  if (option !== undefined && option.ednsVersion !== 0) return refusal(rcodes.badVersion, questionEnd, edns);
  // CHAOS and its like: about this server, and nobody's business.
  if (bytes.readUInt16BE(nameEnd + 2) !== internetClass) return refusal(rcodes.refused, questionEnd, edns);
  const name = question.name === '.' ? '' : question.name.toLowerCase();
  return {
    kind: 'query',
    query: { bytes, name: hasDottedLabel(bytes, name) ? `\0${name}` : name, type: bytes.readUInt16BE(nameEnd), questionEnd, edns },
  };
}

function refusal(rcode: number, questionEnd = 0, edns?: Edns): Reading {
  return { kind: 'refusal', rcode, questionEnd, edns };
}

/** After the name of the first question; 0 where it is not whole, or points elsewhere, which nothing in front of it could be. */
function endOfName(bytes: Buffer): number {
  let at = headerBytes;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > 63) return 0;
    at += length + 1;
    if (length === 0) return at;
  }
}

function hasDottedLabel(bytes: Buffer, name: string): boolean {
  let labels = 0;
  for (let at = headerBytes; ; labels++) {
    const length = bytes[at] ?? 0;
    if (length === 0) break;
    at += length + 1;
  }
  let dots = 0;
  for (let at = name.indexOf('.'); at >= 0; at = name.indexOf('.', at + 1)) dots++;
  return labels > 0 && dots !== labels - 1;
}

function decodeSafely(bytes: Buffer): ReturnType<typeof decode> | undefined {
  try {
    return decode(bytes);
  } catch {
    return undefined;
  }
}
