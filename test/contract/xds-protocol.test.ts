// The xDS server, judged word for word by a client without a mind of its own. "Nothing is sent" is shown by what comes next instead.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Clock, systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { type TypeUrl, typeUrls } from '#envoy/type-url.ts';
import { cluster, endpoints, listener, MemoryNodeSource, routes } from '#test/support/memory-node-source.ts';
import { DeltaWire, SotwWire, wireNodeId } from '#test/support/xds-wire.ts';
import { startXdsServer, type XdsServer } from '#xds/server/server.ts';

const limit = { timeout: 5000 };

async function withServer(source: MemoryNodeSource, run: (server: XdsServer) => Promise<void>, clock: Clock = systemClock): Promise<void> {
  const started = await startXdsServer({ source, address: '127.0.0.1', port: 0, logger: silentLogger, clock });
  if (!started.ok) throw new Error(started.error.reason);
  try {
    await run(started.value);
  } finally {
    await started.value.close();
  }
}

function sourceOf(...resources: Parameters<MemoryNodeSource['replace']>[0]): MemoryNodeSource {
  const source = new MemoryNodeSource();
  source.replace(resources);
  return source;
}

const mesh = [cluster('a'), cluster('b'), endpoints('a', [1]), endpoints('b', [2]), listener('l', 1, 'r'), routes('r', { a: 1 })] as const;

suite('delta on the wire', () => {
  test('a stream comes up, and a changed weight is one resource in one response', limit, async () => {
    const source = sourceOf(...mesh);
    await withServer(source, async ({ port }) => {
      using wire = new DeltaWire(port);
      for (const [typeUrl, resourceNamesSubscribe] of [
        [typeUrls.cluster, []],
        [typeUrls.endpoint, ['a', 'b']],
        [typeUrls.listener, []],
        [typeUrls.route, ['r']],
      ] as [TypeUrl, string[]][]) {
        wire.send({ typeUrl, resourceNamesSubscribe });
        const response = await wire.next();
        assert.equal(response.typeUrl, typeUrl);
        wire.ack(response);
      }
      source.replace([...mesh.slice(0, -1), routes('r', { a: 1, b: 1 })]);
      const response = await wire.next();
      assert.deepEqual([response.type, response.names, response.removed], ['RouteConfiguration', ['r'], []]);
    });
  });

  test('a name subscribed again is answered again, a name that does not exist is said to be removed', limit, async () => {
    await withServer(sourceOf(...mesh), async ({ port }) => {
      using wire = new DeltaWire(port);
      wire.send({ typeUrl: typeUrls.endpoint, resourceNamesSubscribe: ['a', 'ghost'] });
      const first = await wire.next();
      assert.deepEqual([first.names, first.removed], [['a'], ['ghost']]);
      wire.ack(first);
      wire.send({ typeUrl: typeUrls.endpoint, resourceNamesSubscribe: ['a'] });
      assert.deepEqual((await wire.next()).names, ['a']);
    });
  });

  test('initial versions: what is the same is not sent, what changed is, what went is removed', limit, async () => {
    const same = cluster('same');
    await withServer(sourceOf(same, cluster('changed', 2000), cluster('added')), async ({ port }) => {
      using wire = new DeltaWire(port);
      const initialResourceVersions = { same: same.version, changed: cluster('changed', 1000).version, gone: 'x' };
      wire.send({ typeUrl: typeUrls.cluster, initialResourceVersions });
      const response = await wire.next();
      assert.deepEqual([response.names, response.removed], [['added', 'changed'], ['gone']]);
    });
  });

  test('the first answer comes even if there is nothing', limit, async () => {
    await withServer(sourceOf(), async ({ port }) => {
      using wire = new DeltaWire(port);
      wire.send({ typeUrl: typeUrls.listener });
      const response = await wire.next();
      assert.deepEqual([response.type, response.names, response.removed], ['Listener', [], []]);
    });
  });

  test('make before break: new clusters, their endpoints, then routes when clusters are in use, and old clusters last of all', limit, async () => {
    const source = sourceOf(...mesh);
    await withServer(source, async ({ port }) => {
      using wire = new DeltaWire(port);
      wire.send({ typeUrl: typeUrls.cluster });
      wire.ack(await wire.next());
      wire.send({ typeUrl: typeUrls.endpoint, resourceNamesSubscribe: ['a', 'b'] });
      wire.ack(await wire.next());
      wire.send({ typeUrl: typeUrls.route, resourceNamesSubscribe: ['r'] });
      wire.ack(await wire.next());
      source.replace([cluster('b'), cluster('c'), endpoints('b', [2]), endpoints('c', [3]), routes('r', { c: 1 })]);
      const clusters = await wire.next();
      assert.deepEqual([clusters.type, clusters.names, clusters.removed], ['Cluster', ['c'], []]);
      wire.send({ typeUrl: typeUrls.endpoint, resourceNamesSubscribe: ['c'] });
      const assignment = await wire.next();
      assert.deepEqual([assignment.type, assignment.names, assignment.removed], ['ClusterLoadAssignment', ['c'], []]);
      wire.ack(assignment);
      wire.ack(clusters);
      const route = await wire.next();
      assert.deepEqual([route.type, route.names], ['RouteConfiguration', ['r']]);
      wire.ack(route);
      const last = await wire.next();
      assert.deepEqual([last.type, last.names, last.removed], ['Cluster', [], ['a']]);
    });
  });

  test('clusters that never get ready hold up routes for a while, not for ever', limit, async () => {
    const source = sourceOf(...mesh);
    let patienceIsOver = () => {};
    const clock: Clock = {
      ...systemClock,
      after: (delayMs, run) => {
        patienceIsOver = run;
        return systemClock.after(delayMs * 1000, run);
      },
    };
    const run = async ({ port }: XdsServer) => {
      using wire = new DeltaWire(port);
      wire.send({ typeUrl: typeUrls.cluster });
      assert.equal((await wire.next()).type, 'Cluster');
      wire.send({ typeUrl: typeUrls.route, resourceNamesSubscribe: ['r'] });
      wire.send({ typeUrl: typeUrls.endpoint, resourceNamesSubscribe: ['a'] });
      assert.equal((await wire.next()).type, 'ClusterLoadAssignment');
      patienceIsOver();
      assert.equal((await wire.next()).type, 'RouteConfiguration');
    };
    await withServer(source, run, clock);
  });

  test('clusters stay as long as a refused route may name them', limit, async () => {
    const source = sourceOf(cluster('a'), routes('r', { a: 1 }));
    await withServer(source, async ({ port }) => {
      using wire = new DeltaWire(port);
      wire.send({ typeUrl: typeUrls.cluster });
      wire.ack(await wire.next());
      wire.send({ typeUrl: typeUrls.route, resourceNamesSubscribe: ['r'] });
      wire.ack(await wire.next());
      source.replace([routes('r', { other: 1 })]);
      wire.nack(await wire.next(), 'r: no');
      source.replace([routes('r', { another: 1 })]);
      const route = await wire.next();
      assert.equal(route.type, 'RouteConfiguration');
      wire.ack(route);
      assert.deepEqual((await wire.next()).removed, ['a']);
    });
  });

  test('a changed cluster is followed by its endpoints, changed or not: it waits for them', limit, async () => {
    const source = sourceOf(...mesh);
    await withServer(source, async ({ port }) => {
      using wire = new DeltaWire(port);
      wire.send({ typeUrl: typeUrls.cluster });
      wire.ack(await wire.next());
      wire.send({ typeUrl: typeUrls.endpoint, resourceNamesSubscribe: ['a', 'b'] });
      wire.ack(await wire.next());
      source.replace([cluster('a', 2000), ...mesh.slice(1)]);
      assert.deepEqual((await wire.next()).names, ['a']);
      const assignment = await wire.next();
      assert.deepEqual([assignment.type, assignment.names], ['ClusterLoadAssignment', ['a']]);
    });
  });

  test('a refused update is not sent again, and what was refused only for its neighbours is', limit, async () => {
    const source = sourceOf(routes('good', { a: 1 }), routes('bad', { a: 1 }), routes('ugly', { a: 1 }));
    await withServer(source, async ({ port, ledger }) => {
      using wire = new DeltaWire(port);
      wire.send({ typeUrl: typeUrls.route, resourceNamesSubscribe: ['bad', 'good', 'ugly'] });
      // No name in the text: the server has to find out by itself.
      wire.nack(await wire.next(), 'something is wrong somewhere');
      const answered: string[] = [];
      for (let open = 3; open > 0; ) {
        const response = await wire.next();
        answered.push(response.names.join(' '));
        if (!response.names.includes('bad')) {
          wire.ack(response);
          open -= response.names.length;
        } else {
          wire.nack(response, 'something is wrong somewhere');
          if (response.names.length === 1) open -= 1;
        }
      }
      assert.deepEqual(answered, ['bad', 'good ugly']);
      source.replace([routes('good', { a: 2 }), routes('bad', { a: 1 }), routes('ugly', { a: 1 })]);
      assert.deepEqual((await wire.next()).names, ['good']);
      assert.deepEqual(ledger.node(wireNodeId)?.types.get(typeUrls.route)?.rejected, ['bad']);
    });
  });

  test('going back to what the client has mends a refusal, with nothing to send', limit, async () => {
    const source = sourceOf(routes('r', { a: 1 }), listener('l', 1, 'r'));
    await withServer(source, async ({ port, ledger }) => {
      using wire = new DeltaWire(port);
      wire.send({ typeUrl: typeUrls.route, resourceNamesSubscribe: ['r'] });
      wire.ack(await wire.next());
      source.replace([routes('r', { a: 2 }), listener('l', 1, 'r')]);
      wire.nack(await wire.next(), 'r: no');
      wire.send({ typeUrl: typeUrls.listener });
      wire.ack(await wire.next());
      assert.equal(ledger.node(wireNodeId)?.types.get(typeUrls.route)?.state, 'rejected');
      source.replace([routes('r', { a: 1 }), listener('l', 2, 'r')]);
      assert.equal((await wire.next()).type, 'Listener');
      const route = ledger.node(wireNodeId)?.types.get(typeUrls.route);
      assert.deepEqual([route?.state, route?.rejected, route?.pushes], ['synced', [], 2]);
    });
  });

  test('many changes while one is under way become one', limit, async () => {
    const source = sourceOf(routes('r', { a: 0 }));
    await withServer(source, async ({ port, ledger }) => {
      using wire = new DeltaWire(port);
      wire.send({ typeUrl: typeUrls.route, resourceNamesSubscribe: ['r'] });
      const first = await wire.next();
      for (let weight = 1; weight <= 50; weight++) source.replace([routes('r', { a: weight })]);
      wire.ack(first);
      const second = await wire.next();
      assert.equal(second.versions['r'], routes('r', { a: 50 }).version);
      assert.equal(ledger.node(wireNodeId)?.types.get(typeUrls.route)?.pushes, 2);
    });
  });

  test('a client that does not read gets nothing more until it does', { timeout: 10_000 }, async () => {
    const many = Array.from({ length: 100 }, (_, index) => cluster(`cluster-${index}-${'x'.repeat(60_000)}`));
    const source = sourceOf(...many, listener('l', 1, 'r'), routes('r', { a: 1 }));
    await withServer(source, async ({ port, ledger }) => {
      using wire = new DeltaWire(port);
      const clustersSent = new Promise<void>((resolve) => {
        ledger.onChange(({ types }) => (types.get(typeUrls.cluster)?.pushes === 1 ? resolve() : undefined));
      });
      wire.call.pause();
      wire.send({ typeUrl: typeUrls.cluster });
      await clustersSent;
      wire.send({ typeUrl: typeUrls.route, resourceNamesSubscribe: ['r'] });
      // Another client's whole exchange shows that the request above was read in the meantime.
      using other = new SotwWire(port);
      other.send({ node: { id: 'sidecar~127.0.0.1~other-0.default~x' }, typeUrl: typeUrls.listener });
      await other.next();
      assert.equal(ledger.node(wireNodeId)?.types.get(typeUrls.route), undefined);
      wire.call.resume();
      const clusters = await wire.next();
      assert.equal(clusters.names.length, many.length);
      wire.ack(clusters);
      assert.equal((await wire.next()).type, 'RouteConfiguration');
    });
  });
});

suite('state of the world on the wire', () => {
  test('a response carries all clusters, but of routes only those that changed', limit, async () => {
    const source = sourceOf(cluster('a'), cluster('b'), routes('r', { a: 1 }), routes('s', { a: 1 }));
    await withServer(source, async ({ port }) => {
      using wire = new SotwWire(port);
      wire.send({ typeUrl: typeUrls.cluster });
      wire.ack(await wire.next());
      wire.send({ typeUrl: typeUrls.route, resourceNames: ['r', 's'] });
      wire.ack(await wire.next(), ['r', 's']);
      source.replace([cluster('a'), cluster('b', 2000), routes('r', { a: 1 }), routes('s', { a: 2 })]);
      const clusters = await wire.next();
      assert.deepEqual(clusters.names, ['a', 'b']);
      wire.ack(clusters);
      assert.deepEqual((await wire.next()).names, ['s']);
    });
  });

  test('a request with an old nonce is ignored', limit, async () => {
    const source = sourceOf(cluster('a'));
    await withServer(source, async ({ port, ledger }) => {
      using wire = new SotwWire(port);
      wire.send({ typeUrl: typeUrls.cluster });
      const first = await wire.next();
      wire.ack(first);
      source.replace([cluster('b')]);
      const second = await wire.next();
      wire.ack(first);
      wire.nack(second, 'b: no', first.version);
      source.replace([cluster('c')]);
      assert.deepEqual((await wire.next()).names, ['c']);
      const clusters = ledger.node(wireNodeId)?.types.get(typeUrls.cluster);
      assert.equal(clusters?.nacked?.version, second.version);
      assert.equal(clusters?.acked?.version, first.version);
    });
  });

  test('a refused version is not sent again; going back to the accepted one is', limit, async () => {
    const source = sourceOf(cluster('a'), listener('l', 1, 'r'));
    await withServer(source, async ({ port }) => {
      using wire = new SotwWire(port);
      wire.send({ typeUrl: typeUrls.cluster });
      const accepted = await wire.next();
      wire.ack(accepted);
      source.replace([cluster('a', 2000), listener('l', 1, 'r')]);
      wire.nack(await wire.next(), 'a: no', accepted.version);
      source.replace([cluster('a', 2000), listener('l', 2, 'r')]);
      wire.send({ typeUrl: typeUrls.listener });
      const next = await wire.next();
      assert.equal(next.type, 'Listener');
      wire.ack(next);
      source.replace([cluster('a'), listener('l', 2, 'r')]);
      assert.equal((await wire.next()).version, accepted.version);
    });
  });

  test('asking again with the same names is answered: Envoy does so when it warms a cluster anew', limit, async () => {
    await withServer(sourceOf(...mesh), async ({ port }) => {
      using wire = new SotwWire(port);
      wire.send({ typeUrl: typeUrls.endpoint, resourceNames: ['a', 'b'] });
      const first = await wire.next();
      wire.ack(first, ['a', 'b']);
      wire.ack(first, ['a', 'b']);
      const again = await wire.next();
      assert.deepEqual([again.names, again.version], [['a', 'b'], first.version]);
    });
  });

  test('coming back with the present version is not answered, with another it is', limit, async () => {
    await withServer(sourceOf(...mesh), async ({ port }) => {
      using before = new SotwWire(port);
      before.send({ typeUrl: typeUrls.endpoint, resourceNames: ['a'] });
      const { version } = await before.next();
      using after = new SotwWire(port);
      after.send({ typeUrl: typeUrls.endpoint, versionInfo: version, resourceNames: ['a'] });
      after.send({ typeUrl: typeUrls.cluster, versionInfo: 'old' });
      assert.equal((await after.next()).type, 'Cluster');
      // The same version, but of other names: the client cannot have them.
      using wider = new SotwWire(port);
      wider.send({ typeUrl: typeUrls.endpoint, versionInfo: version, resourceNames: ['a', 'b'] });
      assert.deepEqual((await wider.next()).names, ['a', 'b']);
    });
  });

  test('clusters that are gone stay in the response until the routes that named them are replaced', limit, async () => {
    const source = sourceOf(cluster('a'), cluster('b'), routes('r', { a: 1 }));
    await withServer(source, async ({ port }) => {
      using wire = new SotwWire(port);
      wire.send({ typeUrl: typeUrls.cluster });
      wire.ack(await wire.next());
      wire.send({ typeUrl: typeUrls.route, resourceNames: ['r'] });
      wire.ack(await wire.next(), ['r']);
      source.replace([cluster('b'), cluster('c'), routes('r', { c: 1 })]);
      const clusters = await wire.next();
      assert.deepEqual(clusters.names, ['a', 'b', 'c']);
      wire.ack(clusters);
      const route = await wire.next();
      assert.equal(route.type, 'RouteConfiguration');
      wire.ack(route, ['r']);
      assert.deepEqual((await wire.next()).names, ['b', 'c']);
    });
  });

  test('endpoints that do not exist are an empty list, so that no cluster waits for them', limit, async () => {
    await withServer(sourceOf(...mesh), async ({ port }) => {
      using wire = new SotwWire(port);
      wire.send({ typeUrl: typeUrls.endpoint, resourceNames: ['a', 'ghost'] });
      const first = await wire.next();
      assert.deepEqual(first.names, ['a', 'ghost']);
      wire.ack(first, ['a', 'ghost']);
      wire.send({ typeUrl: typeUrls.endpoint, versionInfo: first.version, responseNonce: first.nonce, resourceNames: ['a', 'ghost', 'other'] });
      assert.deepEqual((await wire.next()).names, ['other']);
    });
  });

  test('a first request without a node is refused with the reason', limit, async () => {
    await withServer(sourceOf(), async ({ port }) => {
      using wire = new SotwWire(port);
      wire.send({ node: {}, typeUrl: typeUrls.cluster });
      await assert.rejects(wire.next(), /INVALID_ARGUMENT: the first request of a stream must carry the node/);
    });
  });
});

test('a port that is taken is a value with the reason', limit, async () => {
  await withServer(sourceOf(), async ({ port }) => {
    const second = await startXdsServer({ source: sourceOf(), address: '127.0.0.1', port, logger: silentLogger, clock: systemClock });
    assert.ok(!second.ok);
    assert.equal(second.error.inUse, true);
  });
});
