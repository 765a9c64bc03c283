// What a proxy refused, as diagnostics with the lines that made it: the resources it named are looked up in the origin table of what
// it was sent.
import { isMessage, type JsonValue } from '@bufbuild/protobuf';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Origin } from '#base/origin.ts';
import type { Compiled } from '#compile/compiled.ts';
import { RouteSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { printMessage } from '#envoy/print.ts';
import { type TypeUrl, typeUrls } from '#envoy/type-url.ts';

export type Refused = {
  readonly nodeId: string;
  readonly typeUrl: TypeUrl;
  /** The proxy's own words. */
  readonly error: string;
  readonly resources: readonly string[];
};

/** Shorter texts are found in any sentence by chance. */
const shortestQuote = 3;

/** The proxy's name for people: `hello-v1-0.default` of `sidecar~ip~hello-v1-0.default~domain`. */
export function proxyName(nodeId: string): string {
  return nodeId.split('~')[2] ?? nodeId;
}

/** One diagnostic per refused resource ('' where the proxy named none), at the line that decided most about it; its other lines are related. */
export function refusalDiagnostics(
  refused: Refused,
  compiled: Compiled | undefined,
): readonly { readonly resource: string; readonly diagnostic: Diagnostic }[] {
  const names = refused.resources.length === 0 ? [''] : refused.resources;
  return names.map((resource) => {
    const what = resource === '' ? `an update of its ${word(refused.typeUrl)}s` : `${word(refused.typeUrl)} ${resource}`;
    const origins = resource === '' || compiled === undefined ? [] : originsOf(refused, resource, compiled);
    const [at, ...others] = origins;
    const diagnostic: Diagnostic = {
      code: 'HDL0040',
      severity: 'error',
      message: `proxy ${proxyName(refused.nodeId)} refused ${what}: ${refused.error.trim()}`,
      hint: hintFor(refused.error),
      ...(at === undefined ? {} : { at }),
      ...(others.length === 0 ? {} : { related: others.map((origin) => ({ message: 'takes part in it', at: origin })) }),
    };
    return { resource, diagnostic };
  });
}

/** A port that somebody else has is nothing that lines can mend. */
function hintFor(error: string): string {
  return /in use by another process|Address already in use/i.test(error)
    ? 'the proxy keeps what it had before; end what listens there, and start the proxy again'
    : 'the proxy keeps what it had before; change these lines, and it is sent anew';
}

function word(typeUrl: TypeUrl): string {
  switch (typeUrl) {
    case typeUrls.cluster:
      return 'cluster';
    case typeUrls.endpoint:
      return 'endpoint list';
    case typeUrls.listener:
      return 'listener';
    case typeUrls.route:
      return 'route configuration';
    case typeUrls.secret:
      return 'secret';
    case typeUrls.nameTable:
      return 'name table';
  }
}

function originsOf({ typeUrl, error }: Refused, name: string, { origins, resources }: Compiled): readonly Origin[] {
  switch (typeUrl) {
    case typeUrls.cluster:
    case typeUrls.endpoint:
      return origins.get({ kind: 'cluster', cluster: name });
    case typeUrls.listener:
      return origins.get({ kind: 'listener', listener: name });
    case typeUrls.route:
      return distinct(routeOrigins(name, error, { origins, resources }));
    case typeUrls.secret:
      return origins.get({ kind: 'secret', secret: name });
    case typeUrls.nameTable:
      return [];
  }
}

/** The routes that the text most likely is about, then their virtual hosts and the lines of the whole configuration. */
function routeOrigins(name: string, error: string, { origins, resources }: Pick<Compiled, 'origins' | 'resources'>): readonly Origin[] {
  const own = origins.get({ kind: 'routeConfig', routeConfig: name });
  const message = resources.get(typeUrls.route)?.get(name)?.message;
  if (message === undefined || !isMessage(message, RouteConfigurationSchema)) return own;
  const routes = message.virtualHosts.flatMap((host) =>
    host.routes.map((route, index) => ({
      virtualHost: host.name,
      index,
      likeness: Math.max(
        longestQuote(printMessage(RouteSchema, route), error),
        ...[host.name, ...host.domains].map((text) => longestQuote(text, error)),
      ),
    })),
  );
  const best = Math.max(...routes.map(({ likeness }) => likeness));
  const likely = routes.filter(({ likeness }) => likeness === best);
  return [
    ...likely.flatMap(({ virtualHost, index }) => origins.get({ kind: 'route', routeConfig: name, virtualHost, index })),
    ...likely.flatMap(({ virtualHost }) => origins.get({ kind: 'virtualHost', routeConfig: name, virtualHost })),
    ...own,
  ];
}

/**
 * Envoy does not say which route it means, but quotes what it dislikes, whole or its core (`NOT_A_COMMAND` of `%NOT_A_COMMAND%`): the length of the
 * longest text in `value` that `error` quotes, or of the longest word of `error` that stands in a text of `value`.
 */
function longestQuote(value: JsonValue, error: string): number {
  if (typeof value === 'string') {
    if (value.length >= shortestQuote && error.includes(value)) return value.length;
    const words = error.match(/[\w.-]{6,}/g) ?? [];
    return Math.max(0, ...words.filter((word) => value.includes(word)).map((word) => word.length));
  }
  if (typeof value !== 'object' || value === null) return 0;
  return Math.max(0, ...Object.values(value).map((part) => longestQuote(part, error)));
}

function distinct(origins: readonly Origin[]): readonly Origin[] {
  const seen = new Map(origins.map((origin) => [`${origin.file}:${origin.line}:${origin.col}`, origin]));
  return [...seen.values()];
}
