import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { packAny } from '#envoy/any.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { JwtAuthenticationSchema } from '#envoy/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { HttpFilterSchema } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { SecretSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { DownstreamTlsContextSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { printMessage } from '#envoy/print.ts';

const inline = (text: string) => ({ specifier: { case: 'inlineString' as const, value: text } });

test('names are those of the protos, and typed configuration is opened up', () => {
  const cluster = create(ClusterSchema, {
    name: 'a',
    connectTimeout: { seconds: 10n },
    transportSocket: {
      name: 'tls',
      configType: { case: 'typedConfig', value: packAny(DownstreamTlsContextSchema, { requireClientCertificate: true }) },
    },
  });
  assert.deepEqual(printMessage(ClusterSchema, cluster), {
    name: 'a',
    connect_timeout: '10s',
    transport_socket: {
      name: 'tls',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
        require_client_certificate: true,
      },
    },
  });
});

test('keys and passwords are never printed, wherever they stand', () => {
  const secret = create(SecretSchema, {
    name: 'cert',
    type: { case: 'tlsCertificate', value: { certificateChain: inline('CHAIN'), privateKey: inline('KEY'), password: inline('WORD') } },
  });
  const context = create(ClusterSchema, {
    transportSocket: {
      name: 'tls',
      configType: {
        case: 'typedConfig',
        value: packAny(DownstreamTlsContextSchema, {
          commonTlsContext: { tlsCertificates: [{ certificateChain: inline('CHAIN'), privateKey: inline('KEY') }] },
        }),
      },
    },
  });
  for (const text of [JSON.stringify(printMessage(SecretSchema, secret)), JSON.stringify(printMessage(ClusterSchema, context))]) {
    assert.doesNotMatch(text, /KEY|WORD/);
    assert.match(text, /CHAIN/);
    assert.match(text, /\[redacted\]/);
  }
});

test('of a set of keys only what is public is printed', () => {
  const key = randomBytes(32).toString('base64url');
  const filter = (keys: object) =>
    create(HttpFilterSchema, {
      name: 'jwt',
      configType: {
        case: 'typedConfig',
        value: packAny(JwtAuthenticationSchema, {
          providers: {
            a: { jwksSourceSpecifier: { case: 'localJwks', value: { specifier: { case: 'inlineString', value: JSON.stringify(keys) } } } },
          },
        }),
      },
    });
  const shared = JSON.stringify(printMessage(HttpFilterSchema, filter({ keys: [{ kty: 'oct', kid: 'a', k: key }] })));
  assert.ok(!shared.includes(key));
  assert.match(shared, /oct.*\[redacted\]/);
  const known = { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }] };
  assert.ok(JSON.stringify(printMessage(HttpFilterSchema, filter(known))).includes(JSON.stringify(JSON.stringify(known)).slice(1, -1)));
});
