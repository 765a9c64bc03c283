// MeshConfig.extensionProviders that authorise: envoyExtAuthzHttp and envoyExtAuthzGrpc. One with a mistake is left out with an error, so that
// policies which name it deny what they match. Providers of other kinds are not for authorisation.
// Source: Istio, ValidateExtensionProviderEnvoyExtAuthz{HTTP,GRPC} and processExtensionProvider.
import { parseDurationMs } from '#base/duration.ts';
import { isObject } from '#base/object.ts';
import type { Origin } from '#base/origin.ts';
import type { ExternalAuthorizer } from '#model/extension-provider.ts';
import type { MeshSettings } from '#model/mesh.ts';

type Problem = { readonly field: string; readonly message: string };
type Written = Readonly<Record<string, unknown>>;

/** The provider kinds that authorise. */
const kinds = { envoyExtAuthzHttp: 'http', envoyExtAuthzGrpc: 'grpc' } as const;

/** Istio's, where a provider says nothing. */
const defaultTimeoutMs = 600_000;

/** The authorisers by name. `at`: the place of the MeshConfig. */
export function readExtensionProviders(config: Written, at: Origin, problems: Problem[]): Pick<MeshSettings, 'externalAuthorizers'> {
  const written = config['extensionProviders'];
  const found = new Map<string, ExternalAuthorizer>();
  if (written === undefined || written === null) return { externalAuthorizers: found };
  if (!Array.isArray(written)) {
    problems.push({ field: 'extensionProviders', message: 'must be a list' });
    return { externalAuthorizers: found };
  }
  const names = written.map((provider: unknown) => (isObject(provider) ? provider['name'] : undefined));
  for (const [index, provider] of written.entries()) {
    const entry: unknown = provider;
    if (!isObject(entry)) continue;
    const reader = new ProviderReader(entry, `extensionProviders[${index}]`, at);
    const read = reader.read(names.filter((name) => name === entry['name']).length > 1);
    problems.push(...reader.problems);
    if (read !== undefined && reader.problems.length === 0) found.set(read.name, read);
  }
  return { externalAuthorizers: found };
}

/** Reads one provider; what is wrong with it is in `problems` then. */
class ProviderReader {
  readonly problems: Problem[] = [];
  readonly #entry: Written;
  readonly #field: string;
  readonly #at: Origin;

  constructor(entry: Written, field: string, at: Origin) {
    this.#entry = entry;
    this.#field = field;
    this.#at = at;
  }

  /** Undefined where the provider is of another kind. */
  read(isDuplicate: boolean): ExternalAuthorizer | undefined {
    const kind = Object.keys(kinds).find((name): name is keyof typeof kinds => name in this.#entry);
    if (kind === undefined) return undefined;
    const name = this.#entry['name'];
    if (typeof name !== 'string' || !/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
      this.#wrong('name', 'must be of lower-case letters, digits and "-", at most 63 long');
    }
    if (isDuplicate) this.#wrong('name', `${String(name)} is the name of several providers; none of them acts`);
    const body = this.#entry[kind];
    if (!isObject(body)) {
      this.#wrong(kind, 'must be an object');
      return undefined;
    }
    return { name: String(name), ...this.#common(body, kind), protocol: kinds[kind] === 'grpc' ? { kind: 'grpc' } : this.#http(body, kind) };
  }

  #common(body: Written, kind: string): Omit<ExternalAuthorizer, 'name' | 'protocol'> {
    const status = this.#status(body['statusOnError'], kind);
    const content = this.#body(body['includeRequestBodyInCheck'], kind);
    return {
      service: this.#service(body['service'], kind),
      port: this.#port(body['port'], kind),
      timeoutMs: this.#timeout(body['timeout'], kind),
      failOpen: this.#flag(body, 'failOpen', kind),
      ...(status !== undefined && { statusOnError: status }),
      clearRouteCache: this.#flag(body, 'clearRouteCache', kind),
      ...(content !== undefined && { body: content }),
      origin: this.#at,
    };
  }

  #http(body: Written, kind: string): ExternalAuthorizer['protocol'] {
    const pathPrefix = this.#text(body, 'pathPrefix', kind);
    if (pathPrefix !== '' && !pathPrefix.startsWith('/')) this.#wrong(`${kind}.pathPrefix`, 'must begin with /');
    const included = this.#headers(body, 'includeRequestHeadersInCheck', kind);
    return {
      kind: 'http',
      pathPrefix,
      includeRequestHeaders: included.length > 0 ? included : this.#headers(body, 'includeHeadersInCheck', kind),
      addToCheck: this.#texts(body['includeAdditionalHeadersInCheck'], `${kind}.includeAdditionalHeadersInCheck`),
      headersToUpstreamOnAllow: this.#headers(body, 'headersToUpstreamOnAllow', kind),
      headersToDownstreamOnAllow: this.#headers(body, 'headersToDownstreamOnAllow', kind),
      headersToDownstreamOnDeny: this.#headers(body, 'headersToDownstreamOnDeny', kind),
    };
  }

  #service(value: unknown, kind: string): string {
    if (typeof value === 'string' && /^(?:[a-z0-9][-a-z0-9.]*\/)?[a-zA-Z0-9_][-a-zA-Z0-9_.:]*$/.test(value)) return value;
    this.#wrong(`${kind}.service`, 'must be the host name of a service, or NAMESPACE/HOST');
    return '';
  }

  #port(value: unknown, kind: string): number {
    const port = typeof value === 'string' ? Number(value) : value;
    if (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
    this.#wrong(`${kind}.port`, 'must be a port, 1 to 65535');
    return 0;
  }

  #timeout(value: unknown, kind: string): number {
    if (value === undefined || value === null) return defaultTimeoutMs;
    const ms = typeof value === 'string' ? parseDurationMs(value) : undefined;
    if (ms !== undefined && ms > 0) return ms;
    this.#wrong(`${kind}.timeout`, 'must be a duration above zero, such as 0.5s');
    return defaultTimeoutMs;
  }

  #status(value: unknown, kind: string): number | undefined {
    if (value === undefined || value === null || value === '') return undefined;
    const status = Number(value);
    if (isHttpStatus(status)) return status;
    this.#wrong(`${kind}.statusOnError`, `${JSON.stringify(value)} is no HTTP status`);
    return undefined;
  }

  #body(value: unknown, kind: string): ExternalAuthorizer['body'] {
    if (value === undefined || value === null) return undefined;
    const field = `${kind}.includeRequestBodyInCheck`;
    const maxBytes = isObject(value) ? value['maxRequestBytes'] : undefined;
    // Envoy takes no limit of zero bytes.
    if (!isObject(value) || typeof maxBytes !== 'number' || !Number.isInteger(maxBytes) || maxBytes < 1) {
      this.#wrong(`${field}.maxRequestBytes`, 'must be a whole number above zero');
      return undefined;
    }
    return { maxBytes, allowPartial: this.#flag(value, 'allowPartialMessage', field), asBytes: this.#flag(value, 'packAsBytes', field) };
  }

  #flag(body: Written, name: string, kind: string): boolean {
    const value = body[name];
    if (value !== undefined && value !== null && typeof value !== 'boolean') this.#wrong(`${kind}.${name}`, 'must be true or false');
    return value === true;
  }

  #text(body: Written, name: string, kind: string): string {
    const value = body[name];
    if (value !== undefined && value !== null && typeof value !== 'string') this.#wrong(`${kind}.${name}`, 'must be a text');
    return typeof value === 'string' ? value : '';
  }

  /** Names, `prefix*` or `*suffix`. */
  #headers(body: Written, name: string, kind: string): readonly string[] {
    const value = body[name];
    if (value === undefined || value === null) return [];
    const names: readonly unknown[] = Array.isArray(value) ? value : [''];
    const good = names.filter((one): one is string => typeof one === 'string' && one !== '' && one !== '*');
    if (good.length < names.length) this.#wrong(`${kind}.${name}`, 'must be a list of header names, PREFIX* or *SUFFIX; * alone is not taken');
    return good;
  }

  #texts(value: unknown, field: string): Readonly<Record<string, string>> {
    if (value === undefined || value === null) return {};
    const entries = isObject(value) ? Object.entries(value) : [['', undefined] as const];
    const good = entries.flatMap(([name, text]) => (name !== '' && typeof text === 'string' ? [[name, text] as const] : []));
    if (good.length < entries.length) this.#wrong(field, 'must be a map of header names and texts');
    return Object.fromEntries(good);
  }

  #wrong(field: string, message: string): void {
    this.problems.push({ field: `${this.#field}.${field}`, message });
  }
}

/** Those that Envoy knows. Source: envoy.type.v3.StatusCode. */
function isHttpStatus(status: number): boolean {
  const ranges: readonly (readonly [number, number])[] = [
    [100, 100],
    [200, 208],
    [226, 226],
    [300, 305],
    [307, 308],
    [400, 417],
    [421, 424],
    [426, 426],
    [428, 429],
    [431, 431],
    [500, 508],
    [510, 511],
  ];
  return ranges.some(([first, last]) => Number.isInteger(status) && status >= first && status <= last);
}
