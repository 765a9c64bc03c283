// The question to an external authoriser: a request or a connection, told as Envoy tells it. To a gRPC service as a CheckRequest, to an HTTP service
// as a request of its own. Source: Envoy, CheckRequestUtils::createHttpCheck, createTcpCheck and RawHttpClientImpl::check.
import { toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { DynamicMetadata } from '#decide/dynamic-metadata.ts';
import type { CheckedBody, ExtAuthzEntry, HttpAuthorizer } from '#decide/ext-authz-entry.ts';
import type { FormatView } from '#decide/format-view.ts';
import { applyHeaderOperations } from '#decide/header-apply.ts';
import type { ConnectionView, RequestView } from '#decide/views.ts';
import { create } from '#envoy/create.ts';
import { CheckRequestSchema } from '#envoy/gen/envoy/service/auth/v3/external_auth_pb.js';

/** What is known of the connection besides what decisions see. */
export type CheckedConnection = ConnectionView & {
  /** The proxy's own names; '' for none. */
  readonly localPrincipal: string;
  /** The client's certificate in PEM, where it showed one. */
  readonly peerPem?: (() => string) | undefined;
};

export type CheckedRequest = {
  readonly request: RequestView;
  /** Name, value, name, value …; names in lower case. */
  readonly fields: readonly string[];
  readonly protocol: string;
  readonly id: string;
  readonly startMs: number;
  readonly bytesReceived: number;
  readonly context: Readonly<Record<string, string>>;
  readonly metadata: DynamicMetadata | undefined;
  /** What of the body is to be told, by `settings`. */
  readonly body: { readonly bytes: Uint8Array; readonly settings: CheckedBody } | undefined;
};

const partialBody = 'x-envoy-auth-partial-body';

/** The bytes of a CheckRequest; `asked` undefined: about a connection. */
export function checkRequestBytes(authz: ExtAuthzEntry, connection: CheckedConnection, asked: CheckedRequest | undefined): Uint8Array {
  const source = peerOf(connection.sourceAddress, connection.sourcePort, principalOf(connection));
  const destination = peerOf(connection.destinationAddress, connection.destinationPort, connection.localPrincipal);
  const certificate = authz.tellsCertificate ? connection.peerPem?.() : undefined;
  const { serverName = '' } = connection;
  const service = asked === undefined ? '' : (asked.request.header('x-envoy-downstream-service-cluster') ?? '');
  return toBinary(
    CheckRequestSchema,
    create(CheckRequestSchema, {
      attributes: {
        source: { ...source, service: sanitized(service), ...(certificate === undefined ? {} : { certificate: encodeURIComponent(certificate) }) },
        destination: { ...destination, service: asked === undefined ? sanitized(serverName) : '' },
        ...(asked === undefined ? { metadataContext: {} } : requestAttributes(authz, asked)),
        ...(authz.tellsServerName && serverName !== '' ? { tlsSession: { sni: serverName } } : {}),
      },
    }),
  );
}

function requestAttributes(authz: ExtAuthzEntry, asked: CheckedRequest) {
  const { request, protocol, id, startMs, bytesReceived, context, metadata } = asked;
  const known = authz.metadataNamespaces.flatMap((name) => {
    const found = metadata?.get(name);
    return found === undefined ? [] : [[name, found] as const];
  });
  return {
    request: {
      time: timestampFromMs(startMs),
      http: {
        id,
        method: request.method,
        path: sanitized(request.path),
        host: sanitized(request.authority),
        scheme: request.scheme,
        size: BigInt(bytesReceived),
        protocol,
        ...headersTold(authz, asked),
        ...bodyTold(asked.body),
      },
    },
    contextExtensions: { ...context },
    metadataContext: { filterMetadata: Object.fromEntries(known) },
    routeMetadataContext: {},
  };
}

/** All fields that may be told, pseudo headers among them. */
function toldFields({ allowedHeaders, disallowedHeaders }: ExtAuthzEntry, { request, fields, body }: CheckedRequest): readonly [string, string][] {
  const { authority, path, method, scheme } = request;
  const all = [':authority', authority, ':path', path, ':method', method, ':scheme', scheme, ...fields];
  const told: [string, string][] = [];
  for (let at = 0; at < all.length; at += 2) {
    const name = all[at] ?? '';
    if (name === partialBody || disallowedHeaders?.(name) === true || allowedHeaders?.(name) === false) continue;
    told.push([name, all[at + 1] ?? '']);
  }
  if (body !== undefined) told.push([partialBody, String(body.bytes.length > body.settings.maxBytes)]);
  return told;
}

function headersTold(authz: ExtAuthzEntry, asked: CheckedRequest) {
  const told = toldFields(authz, asked);
  if (authz.rawHeaders) return { headerMap: { headers: told.map(([key, value]) => ({ key, rawValue: Buffer.from(value, 'latin1') })) } };
  const headers: Record<string, string> = {};
  for (const [name, value] of told) headers[name] = headers[name] === undefined ? sanitized(value) : `${headers[name]},${sanitized(value)}`;
  return { headers };
}

function bodyTold(body: CheckedRequest['body']) {
  if (body === undefined) return {};
  const told = body.bytes.subarray(0, body.settings.maxBytes);
  return body.settings.asBytes ? { rawBody: told } : { body: new TextDecoder().decode(told).replaceAll('\ufffd', '!') };
}

/** Header values are bytes, one a character; what is no UTF-8 among them becomes `!` (Envoy: sanitizeUtf8String). */
function sanitized(value: string): string {
  // eslint-disable-next-line no-control-regex
  return /^[\0-\x7f]*$/.test(value) ? value : new TextDecoder().decode(Buffer.from(value, 'latin1')).replaceAll('\ufffd', '!');
}

function peerOf(address: string, port: number, principal: string) {
  return {
    address: { address: { case: 'socketAddress' as const, value: { address, portSpecifier: { case: 'portValue' as const, value: port } } } },
    principal,
  };
}

function principalOf({ peerNames, peerSubject = '' }: ConnectionView): string {
  return peerNames?.[0] ?? peerSubject;
}

/** The request to an HTTP service. */
export type HttpQuestion = {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly fields: readonly string[];
  readonly body: Uint8Array;
};

/** `view` is asked where added headers name something. */
export function httpQuestion(authz: ExtAuthzEntry, service: HttpAuthorizer, asked: CheckedRequest, view: () => FormatView): HttpQuestion {
  const { request, body } = asked;
  const bytes = body === undefined ? new Uint8Array(0) : body.bytes.subarray(0, body.settings.maxBytes);
  const told = toldFields(authz, asked).filter(([name]) => !name.startsWith(':') && name !== 'content-length' && name !== partialBody);
  const fields = ['content-length', String(bytes.length), ...told.flat()];
  if (body !== undefined) fields.push(partialBody, String(body.bytes.length > body.settings.maxBytes));
  if (service.addedHeaders.length > 0) applyHeaderOperations(service.addedHeaders, fields, view());
  return { method: request.method, path: `${service.pathPrefix}${request.path}`, authority: request.authority, fields, body: bytes };
}
