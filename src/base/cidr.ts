// IP addresses and ranges as numbers: an address is parsed once per connection, a range once per configuration, and a match is a few masks.
// IPv4 mapped into IPv6 (::ffff:1.2.3.4) counts as the IPv4 address.

/** IPv4: `words` has one 32-bit word; IPv6: four, the first one the most significant. All unsigned. */
export type IpAddress = { readonly family: 4 | 6; readonly words: readonly number[] };

export type IpRange = {
  readonly text: string;
  readonly family: 4 | 6;
  readonly words: readonly number[];
  readonly masks: readonly number[];
  readonly length: number;
};

/** Undefined for what is no address in numbers. Zones (`%eth0`) and brackets are not part of an address. */
export function parseIp(text: string): IpAddress | undefined {
  return text.includes(':') ? parseV6(text) : parseV4(text);
}

/** A range from address and prefix length; bits beyond the length are ignored. Undefined where either is not valid. */
export function ipRange(address: string, length: number): IpRange | undefined {
  const ip = parseIp(address);
  if (ip === undefined || !Number.isInteger(length) || length < 0 || length > ip.words.length * 32) return undefined;
  const masks = ip.words.map((_, index) => maskOf(length - index * 32));
  const words = ip.words.map((word, index) => (word & (masks[index] ?? 0)) >>> 0);
  return { text: `${address}/${length}`, family: ip.family, words, masks, length };
}

/** `10.0.0.0/8`, or an address alone. */
export function parseCidr(text: string): IpRange | undefined {
  const [address = '', length, ...rest] = text.split('/');
  if (rest.length > 0) return undefined;
  if (length === undefined) return ipRange(address, address.includes(':') ? 128 : 32);
  return /^\d{1,3}$/.test(length) ? ipRange(address, Number(length)) : undefined;
}

/** In the one form that is written of it: IPv6 as RFC 5952 has it, without the longest run of at least two zero groups, the first of several. */
export function formatIp({ family, words }: IpAddress): string {
  if (family === 4) return [24, 16, 8, 0].map((shift) => ((words[0] ?? 0) >>> shift) & 255).join('.');
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]).map((group) => group.toString(16));
  let [from, length] = [0, 0];
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === '0') end++;
    if (end - start > length) [from, length] = [start, end - start];
  }
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, from).join(':')}::${groups.slice(from + length).join(':')}`;
}

export function inRange(ip: IpAddress, range: IpRange): boolean {
  if (ip.family !== range.family) return false;
  for (let index = 0; index < range.words.length; index++) {
    if (((ip.words[index] ?? 0) & (range.masks[index] ?? 0)) >>> 0 !== range.words[index]) return false;
  }
  return true;
}

function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffffffff : (0xffffffff << (32 - bits)) >>> 0;
}

function parseV4(text: string): IpAddress | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let word = 0;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    word = word * 256 + Number(part);
  }
  return { family: 4, words: [word] };
}

function parseV6(text: string): IpAddress | undefined {
  const halves = withoutDots(text)?.split('::');
  if (halves === undefined || halves.length > 2) return undefined;
  const [head = '', tail] = halves;
  const front = groupsOf(head);
  const back = tail === undefined ? [] : groupsOf(tail);
  if (front === undefined || back === undefined) return undefined;
  const missing = 8 - front.length - back.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return unmapped([...front, ...Array.from({ length: missing }, () => 0), ...back]);
}

/** `::ffff:1.2.3.4` to `::ffff:102:304`. */
function withoutDots(text: string): string | undefined {
  if (!text.includes('.')) return text;
  const at = text.lastIndexOf(':') + 1;
  const word = parseV4(text.slice(at))?.words[0];
  return word === undefined ? undefined : `${text.slice(0, at)}${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`;
}

function groupsOf(text: string): number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  return groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) ? groups.map((group) => Number.parseInt(group, 16)) : undefined;
}

function unmapped(groups: readonly number[]): IpAddress {
  const words = [0, 2, 4, 6].map((at) => (groups[at] ?? 0) * 0x10000 + (groups[at + 1] ?? 0));
  const [a, b, c, d = 0] = words;
  return a === 0 && b === 0 && c === 0xffff ? { family: 4, words: [d] } : { family: 6, words };
}
