// Header names as they come off the wire → one shared lower-case string and what the codec does with the field.
// A name met before costs one map lookup; the map is bounded, so a peer that invents names cannot grow it.

/** What a field means to the codec; anything else is passed through. */
export const fieldRole = {
  plain: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  upgrade: 5,
  /** Belongs to one hop and has no meaning for us: dropped (RFC 9110 §7.6.1, RFC 9112 appendix C.2.2). */
  hopByHop: 6,
  te: 7,
  expect: 8,
} as const;

export type FieldRole = (typeof fieldRole)[keyof typeof fieldRole];

export type FieldName = { readonly name: string; readonly role: FieldRole };

const roles: ReadonlyMap<string, FieldRole> = new Map([
  ['host', fieldRole.host],
  ['content-length', fieldRole.contentLength],
  ['transfer-encoding', fieldRole.transferEncoding],
  ['connection', fieldRole.connection],
  ['upgrade', fieldRole.upgrade],
  ['keep-alive', fieldRole.hopByHop],
  ['proxy-connection', fieldRole.hopByHop],
  ['te', fieldRole.te],
  ['expect', fieldRole.expect],
]);

/** RFC 9110 §5.6.2: token. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** One per proxy; shared by all its connections. */
export class FieldNames {
  readonly #known = new Map<string, FieldName>();
  readonly #limit: number;

  /** `limit`: spellings that are remembered. */
  constructor(limit = 1024) {
    this.#limit = limit;
  }

  /** The name for a spelling, or undefined where it is no token (empty, a space before the colon, a control character …). */
  lookup(spelling: string): FieldName | undefined {
    return this.#known.get(spelling) ?? this.#learn(spelling);
  }

  #learn(spelling: string): FieldName | undefined {
    if (!token.test(spelling)) return undefined;
    // A copy: a slice would keep the whole head it was cut from in memory.
    const copy = Buffer.from(spelling, 'latin1').toString('latin1');
    const lower = copy.toLowerCase();
    const field: FieldName = { name: lower, role: roles.get(lower) ?? fieldRole.plain };
    if (this.#known.size < this.#limit) this.#known.set(copy, field);
    return field;
  }
}
