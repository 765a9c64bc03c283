import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CompileCache } from '#compile/compile-cache.ts';
import { destinationsOf, type Imports, importsOf, importsService, importsVirtualService, joinPorts, withPorts } from '#compile/egress-import.ts';
import type { Service } from '#model/service.ts';
import type { EgressListener } from '#model/sidecar.ts';
import type { HttpRule, VirtualService } from '#model/virtual-service.ts';

const origin = { file: 'in.yaml', line: 1, col: 1 };

/** `hosts` as users write them. */
function imports(...hosts: readonly string[]): Imports {
  const listener: EgressListener = {
    captureMode: 'default',
    hosts: hosts.map((written) => {
      const [namespace = '', host = ''] = written.replace(/^~/, '').split('/');
      return { namespace, host, excluded: written.startsWith('~') };
    }),
    origin,
  };
  return importsOf(listener, 'shop');
}

function service(hostname: string, namespace: string, ports: readonly number[] = [80]): Service {
  return {
    hostname,
    name: hostname,
    namespace,
    addresses: [],
    headless: false,
    resolution: 'endpoints',
    registry: 'kubernetes',
    external: false,
    ports: ports.map((number) => ({ name: `p${number}`, number, protocol: 'http', targetPort: number, origin })),
    endpoints: [],
    visibility: { kind: 'everywhere' },
    origin,
  };
}

function virtualService(hosts: readonly string[], more: Partial<VirtualService> = {}): VirtualService {
  const references = hosts.map((hostname) => ({ written: hostname, hostname, origin }));
  return {
    name: 'vs',
    namespace: 'shop',
    hosts: references,
    gateways: ['mesh'],
    http: [],
    tls: [],
    tcp: [],
    visibility: { kind: 'everywhere' },
    origin,
    ...more,
  };
}

test('services come in by namespace and host; a dot is the own namespace', () => {
  const letIn = imports('./*', 'pay/*.pay.svc', '*/anywhere.example');
  assert.equal(importsService(letIn, service('till.shop.svc', 'shop')), true);
  assert.equal(importsService(letIn, service('cards.pay.svc', 'pay')), true);
  assert.equal(importsService(letIn, service('cards.other.svc', 'pay')), false);
  assert.equal(importsService(letIn, service('log.infra.svc', 'infra')), false);
  assert.equal(importsService(letIn, service('anywhere.example', 'infra')), true);
});

test('a service with a wildcard needs a wildcard that covers it', () => {
  assert.equal(importsService(imports('*/*.example.com'), service('*.a.example.com', 'x')), true);
  assert.equal(importsService(imports('*/*.a.example.com'), service('*.example.com', 'x')), false);
  assert.equal(importsService(imports('*/a.example.com'), service('*.example.com', 'x')), false);
});

test('what is excluded stays out, in its namespace or in all', () => {
  const letIn = imports('*/*', '~pay/ledger.pay.svc', '~*/*.secret.example');
  assert.equal(importsService(letIn, service('ledger.pay.svc', 'pay')), false);
  assert.equal(importsService(letIn, service('ledger.pay.svc', 'other')), true);
  assert.equal(importsService(letIn, service('a.secret.example', 'other')), false);
});

test('rules of a VirtualService come in by hosts that overlap, those of the Gateway API by hosts that cover theirs', () => {
  assert.equal(importsVirtualService(imports('./a.example.com'), virtualService(['*.example.com'])), true);
  assert.equal(importsVirtualService(imports('./a.example.com'), virtualService(['*.example.com'], { semantics: 'gateway-api' })), false);
  assert.equal(importsVirtualService(imports('./*.com'), virtualService(['*.example.com'], { semantics: 'gateway-api' })), true);
  assert.equal(importsVirtualService(imports('pay/*'), virtualService(['a.example.com'])), false);
  assert.equal(importsVirtualService(imports('./*', '~./a.example.com'), virtualService(['a.example.com'])), false);
  assert.equal(importsVirtualService(imports('./*', '~./a.example.com'), virtualService(['a.example.com', 'b.example.com'])), true);
});

test('a service with some of its ports is the same object each time', () => {
  const cache = new CompileCache();
  const both = service('a', 'shop', [80, 90, 100]);
  const one = withPorts(both, (port) => port === 80, cache);
  assert.ok(one !== undefined);
  assert.deepEqual(
    one.ports.map(({ number }) => number),
    [80],
  );
  assert.equal(
    withPorts(both, (port) => port === 80, cache),
    one,
  );
  assert.equal(
    withPorts(both, () => true, cache),
    both,
  );
  assert.equal(
    withPorts(both, () => false, cache),
    undefined,
  );
  const other = withPorts(both, (port) => port === 90, cache);
  assert.ok(other !== undefined);
  assert.deepEqual(
    joinPorts(both, one, other, cache).ports.map(({ number }) => number),
    [80, 90],
  );
});

test('the destinations of rules that are about this namespace, with the ports they name', () => {
  const to = (host: string, port?: number) => ({
    host: { written: host, hostname: host, origin },
    weight: 1,
    origin,
    ...(port !== undefined && { port }),
  });
  const rule = (destination: ReturnType<typeof to>, ...sourceNamespaces: readonly (string | undefined)[]): HttpRule => ({
    name: '',
    matches: sourceNamespaces.map((sourceNamespace) => ({
      name: '',
      headers: [],
      withoutHeaders: [],
      queryParameters: [],
      ...(sourceNamespace !== undefined && { sourceNamespace }),
      origin,
    })),
    destinations: [destination],
    origin,
  });
  const found = destinationsOf(
    virtualService(['x'], {
      http: [rule(to('a', 80)), rule(to('a', 90), 'shop'), rule(to('b'), 'other'), rule(to('c'), 'other', undefined)],
      tcp: [{ matches: [], destinations: [to('d', 1)], origin }],
      tls: [{ matches: [], destinations: [to('d')], origin }],
    }),
    'shop',
  );
  assert.deepEqual(
    [...found].map(([host, ports]) => [host, ports === 'all' ? ports : [...ports]]),
    [
      ['a', [80, 90]],
      ['c', 'all'],
      ['d', 'all'],
    ],
  );
});
