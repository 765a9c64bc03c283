// Routes that the proxy answers itself: redirects and direct responses. Source: Istio, ApplyRedirect and ApplyDirectResponse.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { assertNever } from '#base/assert-never.ts';
import { create } from '#envoy/create.ts';
import {
  DirectResponseActionSchema,
  type RedirectAction,
  RedirectAction_RedirectResponseCode,
  RedirectActionSchema,
  type Route,
} from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { DirectResponse, Redirect } from '#model/virtual-service.ts';

/** What the request came to: the port, and whether that ends TLS. */
export type RequestPlace = { readonly port: number; readonly isTls: boolean };

export function routeAnswer(answer: Redirect | DirectResponse, place: RequestPlace): Route['action'] {
  switch (answer.kind) {
    case 'redirect':
      return { case: 'redirect', value: redirectAction(answer, place) };
    case 'direct-response':
      return { case: 'directResponse', value: create(DirectResponseActionSchema, { status: answer.status, ...directBody(answer) }) };
    default:
      return assertNever(answer, 'answer');
  }
}

const statusCodes: Readonly<Record<Redirect['status'], RedirectAction_RedirectResponseCode>> = {
  301: RedirectAction_RedirectResponseCode.MOVED_PERMANENTLY,
  302: RedirectAction_RedirectResponseCode.FOUND,
  303: RedirectAction_RedirectResponseCode.SEE_OTHER,
  307: RedirectAction_RedirectResponseCode.TEMPORARY_REDIRECT,
  308: RedirectAction_RedirectResponseCode.PERMANENT_REDIRECT,
};

function redirectAction({ status, scheme, host, port, path }: Redirect, place: RequestPlace): RedirectAction {
  const ownScheme = place.isTls ? 'https' : 'http';
  return create(RedirectActionSchema, {
    responseCode: statusCodes[status],
    hostRedirect: host ?? '',
    ...(scheme !== undefined && { schemeRewriteSpecifier: { case: 'schemeRedirect', value: scheme } }),
    ...(port !== undefined && { portRedirect: explicitPort(port === 'from-request' ? place.port : port, scheme ?? ownScheme) }),
    ...(path !== undefined && { pathRewriteSpecifier: pathSpecifier(path) }),
  });
}

function pathSpecifier(path: NonNullable<Redirect['path']>): NonNullable<MessageInitShape<typeof RedirectActionSchema>['pathRewriteSpecifier']> {
  if (path.kind === 'regex') return { case: 'regexRewrite', value: { pattern: { regex: path.pattern }, substitution: path.replacement } };
  return { case: path.kind === 'prefix' ? 'prefixRewrite' : 'pathRedirect', value: path.value };
}

/** 0 is none: nobody writes `:80` behind http, or `:443` behind https. */
function explicitPort(port: number, scheme: string): number {
  return (port === 80 && scheme === 'http') || (port === 443 && scheme === 'https') ? 0 : port;
}

type Body = {
  readonly body?: {
    readonly specifier: { readonly case: 'inlineString'; readonly value: string } | { readonly case: 'inlineBytes'; readonly value: Uint8Array };
  };
};

function directBody({ body }: DirectResponse): Body {
  if (body === undefined) return {};
  return { body: { specifier: typeof body === 'string' ? { case: 'inlineString', value: body } : { case: 'inlineBytes', value: body } } };
}
