// In: a question, and what there is to say. Out: the bytes of the answer, as many records as may be sent, with the sign that there are more (TC).
// The question is repeated byte for byte: resolvers mix upper and lower case in it to know their own.
import { encode, type PacketOpt } from 'dns-packet';
import { type Edns, rcodes } from '#dns/query.ts';

export type Reply = {
  readonly rcode: number;
  /** From the table: nobody else knows better. */
  readonly authoritative?: boolean;
  /** Whole records, in order. */
  readonly answers?: readonly Uint8Array[];
  /** What saves the client a further question; left out first where room is short. */
  readonly additionals?: readonly Uint8Array[];
  /** Why there is no answer, for people: shown by tools as dig. Source: RFC 8914. */
  readonly reason?: { readonly code: number; readonly text: string };
};

export type Transport = 'udp' | 'tcp';

/** EDE codes. Source: RFC 8914, 5.2. */
export const reasons = { other: 0, notReady: 14, prohibited: 18, noReachableAuthority: 22, networkError: 23 } as const;

const headerBytes = 12;
/** What we take by UDP ourselves, and the most that we send by it, whatever the client takes. */
const largestUdp = 4096;
const smallestUdp = 512;
const largestTcp = 65_535;

/** `questionEnd` 0: the question cannot be repeated. */
export function respond(request: Buffer, questionEnd: number, edns: Edns | undefined, transport: Transport, reply: Reply): Buffer {
  const question = questionEnd === 0 ? request.subarray(0, 0) : request.subarray(headerBytes, questionEnd);
  const option = edns === undefined ? undefined : optionBytes(edns, reply);
  const limit = transport === 'tcp' ? largestTcp : Math.min(Math.max(edns?.udpSize ?? smallestUdp, smallestUdp), largestUdp);
  const fixed = headerBytes + question.length + (option?.length ?? 0);
  const answers = fitting(reply.answers ?? [], limit - fixed);
  const additionals = answers.cut ? nothing : fitting(reply.additionals ?? [], limit - fixed - answers.size);
  const count = additionals.cut ? 0 : additionals.count;
  const size = fixed + answers.size + (additionals.cut ? 0 : additionals.size);
  const bytes = Buffer.allocUnsafe(size);
  writeHeader(bytes, request, { reply, hasQuestion: questionEnd > 0, answers, additionals: count + (option === undefined ? 0 : 1) });
  let at = headerBytes;
  const put = (part: Uint8Array): void => {
    bytes.set(part, at);
    at += part.length;
  };
  put(question);
  for (const record of (reply.answers ?? []).slice(0, answers.count)) put(record);
  for (const record of (reply.additionals ?? []).slice(0, count)) put(record);
  if (option !== undefined) put(option);
  return bytes;
}

type Fitting = { readonly count: number; readonly size: number; readonly cut: boolean };

const nothing: Fitting = { count: 0, size: 0, cut: false };

function fitting(records: readonly Uint8Array[], room: number): Fitting {
  let size = 0;
  let count = 0;
  for (const record of records) {
    if (size + record.length > room) return { count, size, cut: true };
    size += record.length;
    count++;
  }
  return { count, size, cut: false };
}

type Head = { readonly reply: Reply; readonly hasQuestion: boolean; readonly answers: Fitting; readonly additionals: number };

function writeHeader(bytes: Buffer, request: Buffer, { reply, hasQuestion, answers, additionals }: Head): void {
  const asked = request.readUInt16BE(2);
  const flags = 0x8000 | (asked & 0x7910) | (reply.authoritative === true ? 0x0400 : 0) | (answers.cut ? 0x0200 : 0) | 0x0080 | (reply.rcode & 15);
  bytes.writeUInt16BE(request.readUInt16BE(0), 0);
  bytes.writeUInt16BE(flags, 2);
  bytes.writeUInt16BE(hasQuestion ? 1 : 0, 4);
  bytes.writeUInt16BE(answers.count, 6);
  bytes.writeUInt16BE(0, 8);
  bytes.writeUInt16BE(additionals, 10);
}

function optionBytes({ dnssecOk }: Edns, { rcode, reason }: Reply): Uint8Array {
  const isPlain = reason === undefined && rcode < rcodes.badVersion;
  if (isPlain) return dnssecOk ? (plainSecure ??= encodeOption(true, 0)) : (plain ??= encodeOption(false, 0));
  return encodeOption(dnssecOk, rcode >> 4, reason);
}

let plain: Uint8Array | undefined;
let plainSecure: Uint8Array | undefined;

const extendedError = 15;

function encodeOption(dnssecOk: boolean, extendedRcode: number, reason?: Reply['reason']): Uint8Array {
  // The types know four kinds of options; what writes them takes any that brings its data.
  const options = reason === undefined ? [] : ([{ code: extendedError, data: reasonBytes(reason) }] as unknown as PacketOpt[]);
  const flags = dnssecOk ? 0x8000 : 0;
  const option = { type: 'OPT', name: '.', udpPayloadSize: largestUdp, extendedRcode, ednsVersion: 0, flags, flag_do: dnssecOk, options } as const;
  return new Uint8Array(encode({ type: 'response', additionals: [option] }).subarray(headerBytes));
}

function reasonBytes({ code, text }: NonNullable<Reply['reason']>): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(text)]);
}
