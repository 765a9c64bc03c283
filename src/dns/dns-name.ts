// Names as the wire has them and as tables have them: without the last dot, in lower case where they are compared.

/** `10-1-2-3`, `2001-db8--1`: how a pod that has no name of its own is called below its headless service. Source: Kubernetes' DNS. */
export function dashed(address: string): string {
  return address.replace(/[.:]/g, '-');
}

/** What follows the first label; empty where there is one alone. */
export function parentOf(name: string): string {
  const dot = name.indexOf('.');
  return dot < 0 ? '' : name.slice(dot + 1);
}

/** `in` without `.suffix`; undefined where it does not end so, or is nothing else. */
export function withoutSuffix(name: string, suffix: string): string | undefined {
  const dot = name.length - suffix.length - 1;
  return suffix !== '' && dot > 0 && name.endsWith(suffix) && name.charAt(dot) === '.' ? name.slice(0, dot) : undefined;
}

/** The address that a name for reverse look-ups stands for, `4.3.2.1.in-addr.arpa` or 32 hexadecimal digits in `ip6.arpa`, as `addressKey` has it. */
export function reversedAddress(name: string): string | undefined {
  const v4 = withoutSuffix(name, 'in-addr.arpa')?.split('.').reverse().join('.');
  if (v4 !== undefined) return /^\d{1,3}(\.\d{1,3}){3}$/.test(v4) ? v4 : undefined;
  const v6 = withoutSuffix(name, 'ip6.arpa');
  return v6 !== undefined && /^([0-9a-f]\.){31}[0-9a-f]$/.test(v6) ? v6.split('.').reverse().join('') : undefined;
}

/** One text for each address, however it is written; undefined for what is none. */
export function addressKey(address: string): string | undefined {
  if (!address.includes(':')) return /^\d{1,3}(\.\d{1,3}){3}$/.test(address) ? address : undefined;
  const [head = '', tail] = address.toLowerCase().split('::');
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  const gap = tail === undefined ? 0 : 8 - left.length - right.length;
  const digits = [...left, ...Array<string>(Math.max(0, gap)).fill('0'), ...right].map((group) => group.padStart(4, '0')).join('');
  return /^[0-9a-f]{32}$/.test(digits) ? digits : undefined;
}

/** An IPv4 address at the end counts as two groups. */
function groupsOf(text: string): readonly string[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [group];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [(a * 256 + b).toString(16), (c * 256 + d).toString(16)];
  });
}
