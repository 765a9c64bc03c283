// A name server outside, and which bytes are its answer to a question.

export type ServerAddress = { readonly address: string; readonly port: number };

/** Whether these bytes answer that question. Letters of names may have changed between upper and lower case. */
export function answers(answer: Buffer, query: Buffer): boolean {
  if (answer.length < 12 || (answer.readUInt8(2) & 0x80) === 0) return false;
  // A server that understood nothing may repeat nothing.
  if (answer.readUInt16BE(4) === 0) return (answer.readUInt8(3) & 15) !== 0;
  const end = questionEnd(query);
  return answer.length >= end && answer.toString('latin1', 12, end).toLowerCase() === query.toString('latin1', 12, end).toLowerCase();
}

function questionEnd(query: Buffer): number {
  let at = 12;
  for (let length = query[at] ?? 0; length !== 0; length = query[at] ?? 0) at += length + 1;
  return at + 5;
}
