// What Istio's webhook refuses of a Gateway, as findings about specs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindRules } from '#api/kind-rules.ts';
import { kinds } from '#api/kinds.ts';
import { validate } from '#api/validate.ts';
import { formatPath } from '#base/origin.ts';

function broken(spec: unknown): readonly string[] {
  assert.deepEqual(validate(kinds.Gateway.body, { spec }), [], 'the rules are asked about bodies that fit the schema');
  return kindRules('Gateway', { spec }).map(({ path, message }) => `${formatPath(path)}: ${message}`);
}

test('a Gateway: hosts, bind and target ports', () => {
  const gateway = (server: object): readonly string[] => {
    const base = { port: { number: 80, name: 'p', protocol: 'HTTP' }, hosts: ['*'] };
    return broken({ servers: [{ ...base, ...server }] });
  };
  assert.deepEqual(gateway({ hosts: ['*', '*/*', './a.example.com', 'team/*.example.com', 'a.example.com', '10.0.0.1'] }), []);
  assert.deepEqual(gateway({ hosts: ['team/'] }), ['spec.servers[0].hosts[0]: "" is not a host name']);
  assert.deepEqual(gateway({ hosts: ['/a.example.com'] }), ['spec.servers[0].hosts[0]: "" is no namespace']);
  assert.deepEqual(gateway({ hosts: ['a.*.com'] }), ['spec.servers[0].hosts[0]: "a.*.com" is not a host name']);
  assert.deepEqual(gateway({ bind: '10.0.0.1' }), []);
  assert.deepEqual(gateway({ bind: 'eth0' }), ['spec.servers[0].bind: eth0 is no IP address']);
  const socket = { number: 0, name: 'p', protocol: 'HTTP' };
  assert.deepEqual(gateway({ bind: 'unix:///run/a.sock', port: socket }), []);
  assert.deepEqual(gateway({ bind: 'unix://@a', port: socket }), []);
  assert.deepEqual(gateway({ bind: 'unix://a', port: socket }), ['spec.servers[0].bind: unix://a is no absolute path to a socket']);
  assert.deepEqual(gateway({ bind: 'unix:///run/a.sock' }), ['spec.servers[0].port.number: a Unix socket has no port: its number is 0']);
  assert.deepEqual(gateway({ port: socket }), ['spec.servers[0].port.number: a port is a number from 1 to 65535']);
  assert.deepEqual(gateway({ port: { number: 80, name: 'p', protocol: 'HTTP', targetPort: 8080 } }), [
    'spec.servers[0].port.targetPort: targetPort has no effect in a Gateway',
  ]);
});

test('a Gateway: certificates by mode', () => {
  const gateway = (tls: object): readonly string[] =>
    broken({ servers: [{ port: { number: 443, name: 'p', protocol: 'HTTPS' }, hosts: ['*'], tls }] });
  const files = { serverCertificate: '/c.pem', privateKey: '/k.pem' };
  assert.deepEqual(gateway({ mode: 'SIMPLE', ...files }), []);
  assert.deepEqual(gateway({ mode: 'MUTUAL', ...files, caCertificates: '/ca.pem' }), []);
  assert.deepEqual(gateway({ mode: 'SIMPLE', tlsCertificates: [files, files] }), []);
  assert.deepEqual(gateway({ mode: 'PASSTHROUGH', ...files }), [], 'read over, as in Istio');
  assert.deepEqual(gateway({ mode: 'SIMPLE' }), [
    'spec.servers[0].tls.serverCertificate: mode SIMPLE needs serverCertificate',
    'spec.servers[0].tls.privateKey: mode SIMPLE needs privateKey',
  ]);
  assert.deepEqual(gateway({ mode: 'OPTIONAL_MUTUAL', ...files }), ['spec.servers[0].tls.caCertificates: mode OPTIONAL_MUTUAL needs caCertificates']);
  assert.deepEqual(gateway({ mode: 'ISTIO_MUTUAL', credentialName: 'c' }), [
    "spec.servers[0].tls.credentialName: mode ISTIO_MUTUAL uses the mesh's certificates, and takes no credentialName",
  ]);
  assert.deepEqual(gateway({ mode: 'SIMPLE', ...files, credentialName: 'c' }), [
    'spec.servers[0].tls.serverCertificate: the certificate of a server comes from one source',
  ]);
  assert.deepEqual(gateway({ mode: 'MUTUAL', credentialName: 'c', caCrl: '/crl.pem' }), [
    'spec.servers[0].tls.caCrl: caCrl cannot go with credentialName',
  ]);
});
