// In: a ProxyConfig as MeshConfig (defaultConfig), a Pod's annotation or a node's metadata has it. Out: what it says about headers and the limits of connections, and what
// of that makes no sense.
import { parseDurationMs } from '#base/duration.ts';
import { isObject } from '#base/object.ts';
import type { ConnectionLimits, ProxyHeaders, ProxyTraffic } from '#model/proxy-traffic.ts';

export type TrafficProblem = { readonly field: string; readonly message: string };

type Written = Readonly<Record<string, unknown>>;
type Mutable<Type> = { -readonly [Field in keyof Type]: Type[Field] };

const certificateModes = ['SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET', 'ALWAYS_FORWARD_ONLY'] as const;
const underscoreActions = ['ALLOW', 'REJECT_REQUEST', 'DROP_HEADER'] as const;
const slashActions = ['KEEP_UNCHANGED', 'REJECT_REQUEST', 'UNESCAPE_AND_REDIRECT', 'UNESCAPE_AND_FORWARD'] as const;

/** Undefined where nothing is said. A value that makes no sense is a problem and counts as not there. */
export function readProxyTraffic(proxyConfig: unknown, problems: TrafficProblem[]): ProxyTraffic | undefined {
  if (!isObject(proxyConfig)) return undefined;
  const { proxyHeaders, connectionSettings } = proxyConfig;
  const headers = isObject(proxyHeaders) ? readHeaders(new Fields(proxyHeaders, 'defaultConfig.proxyHeaders', problems)) : {};
  const limits = isObject(connectionSettings) ? readLimits(new Fields(connectionSettings, 'defaultConfig.connectionSettings', problems)) : {};
  const says = { ...(Object.keys(headers).length > 0 && { headers }), ...(Object.keys(limits).length > 0 && { limits }) };
  return Object.keys(says).length > 0 ? says : undefined;
}

/** Source: Istio, GetProxyHeadersFromProxyConfig. */
function readHeaders(fields: Fields): ProxyHeaders {
  const found: Mutable<ProxyHeaders> = {};
  const server = fields.object('server');
  const name = server?.text('value') ?? '';
  if (server?.flag('disabled') === true) found.server = '';
  else if (name !== '') found.server = name;
  const disabled = (field: string): boolean | undefined => fields.object(field)?.flag('disabled');
  const switches = { requestId: disabled('requestId'), attemptCount: disabled('attemptCount'), debugHeaders: disabled('envoyDebugHeaders') };
  for (const key of ['requestId', 'attemptCount', 'debugHeaders'] as const) {
    const isDisabled = switches[key];
    if (isDisabled !== undefined) found[key] = !isDisabled;
  }
  const mode = fields.word('forwardedClientCert', certificateModes, 'UNDEFINED');
  if (mode !== undefined) found.forwardClientCert = mode;
  const details = fields.object('setCurrentClientCertDetails');
  if (details !== undefined) {
    const said = (['subject', 'cert', 'chain', 'dns', 'uri'] as const).flatMap((part) => {
      const value = details.flag(part);
      return value === undefined ? [] : [[part, value] as const];
    });
    found.clientCertDetails = Object.fromEntries(said);
  }
  const preserves = fields.flag('preserveHttp1HeaderCase');
  if (preserves !== undefined) found.preserveCase = preserves;
  const host = fields.object('xForwardedHost')?.flag('enabled');
  if (host !== undefined) found.forwardedHost = host;
  const port = fields.object('xForwardedPort')?.flag('enabled');
  if (port !== undefined) found.forwardedPort = port;
  return found;
}

const durations: readonly (readonly [
  string,
  { [Key in keyof ConnectionLimits]-?: Key extends `${string}Ms` ? Key : never }[keyof ConnectionLimits],
])[] = [
  ['httpIdleTimeout', 'idleTimeoutMs'],
  ['httpMaxConnectionDuration', 'maxConnectionDurationMs'],
  ['httpDrainTimeout', 'drainTimeoutMs'],
  ['httpRequestTimeout', 'requestTimeoutMs'],
  ['httpRequestHeadersTimeout', 'requestHeadersTimeoutMs'],
  ['httpStreamIdleTimeout', 'streamIdleTimeoutMs'],
  ['httpMaxStreamDuration', 'maxStreamDurationMs'],
];

/** Each with the bounds that Envoy has for it. */
const counts: readonly (readonly [string, 'bufferLimitBytes' | 'maxConcurrentStreams' | 'streamWindowBytes' | 'connectionWindowBytes', number])[] = [
  ['listenerPerConnectionBufferLimitBytes', 'bufferLimitBytes', 0],
  ['httpMaxConcurrentStreams', 'maxConcurrentStreams', 1],
  ['http2InitialStreamWindowSize', 'streamWindowBytes', 65_535],
  ['http2InitialConnectionWindowSize', 'connectionWindowBytes', 65_535],
];

/** Source: Istio, applyConnectionSettingsToHCM. */
function readLimits(fields: Fields): ConnectionLimits {
  const found: Mutable<ConnectionLimits> = {};
  if (fields.word('profile', ['EDGE'], 'SIDECAR') === 'EDGE') found.edge = true;
  for (const [field, key] of durations) {
    const ms = fields.durationMs(field);
    if (ms !== undefined) found[key] = ms;
  }
  for (const [field, key, least] of counts) {
    const count = fields.count(field, least);
    if (count !== undefined) found[key] = count;
  }
  const underscores = fields.word('httpHeadersWithUnderscoresAction', underscoreActions, 'UNSPECIFIED', 'HEADERS_WITH_UNDERSCORES_');
  if (underscores !== undefined) found.headersWithUnderscores = underscores;
  const merges = fields.flag('httpMergeSlashes');
  if (merges !== undefined) found.mergeSlashes = merges;
  const slashes = fields.word('httpPathWithEscapedSlashesAction', slashActions, 'PATH_WITH_ESCAPED_SLASHES_UNSPECIFIED');
  if (slashes !== undefined) found.escapedSlashes = slashes;
  return found;
}

/** The fields of one object, each read as what it must be. */
class Fields {
  readonly #written: Written;
  readonly #at: string;
  readonly #problems: TrafficProblem[];

  constructor(written: Written, at: string, problems: TrafficProblem[]) {
    this.#written = written;
    this.#at = at;
    this.#problems = problems;
  }

  object(field: string): Fields | undefined {
    const value = this.#written[field];
    if (isObject(value)) return new Fields(value, `${this.#at}.${field}`, this.#problems);
    return value === undefined || value === null ? undefined : this.#wrong(field, 'must be an object');
  }

  flag(field: string): boolean | undefined {
    const value = this.#written[field];
    return value === undefined || typeof value === 'boolean' ? value : this.#wrong(field, 'must be true or false');
  }

  text(field: string): string | undefined {
    const value = this.#written[field];
    return value === undefined || typeof value === 'string' ? value : this.#wrong(field, 'must be a text');
  }

  /** `none` is how not saying anything is written; `prefix` may stand before each word. */
  word<Word extends string>(field: string, words: readonly Word[], none: string, prefix = ''): Word | undefined {
    const value = this.#written[field];
    if (value === undefined || value === none || value === `${prefix}${none}`) return undefined;
    return (
      words.find((word) => value === word || value === `${prefix}${word}`) ?? this.#wrong(field, `'${String(value)}' is none of ${words.join(', ')}`)
    );
  }

  durationMs(field: string): number | undefined {
    const value = this.#written[field];
    if (value === undefined) return undefined;
    const ms = typeof value === 'string' ? parseDurationMs(value) : undefined;
    return ms !== undefined && ms >= 0 ? ms : this.#wrong(field, 'must be a duration such as 30s');
  }

  count(field: string, least: number): number | undefined {
    const value = this.#written[field];
    if (value === undefined) return undefined;
    const isCount = typeof value === 'number' && Number.isInteger(value) && value >= least && value < 2 ** 31;
    return isCount ? value : this.#wrong(field, `must be a whole number from ${least} on`);
  }

  #wrong(field: string, message: string): undefined {
    this.#problems.push({ field: `${this.#at}.${field}`, message });
  }
}
