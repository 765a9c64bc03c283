import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { packAny } from '#envoy/any.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
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
