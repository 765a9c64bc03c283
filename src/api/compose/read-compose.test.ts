// A compose file, read as resources with their places, and everything in it that means nothing here, once and with its line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interpolated, portsOf, readEnvFile, secondsOf, wordsOf } from '#api/compose/compose-value.ts';
import { isComposeFile, readCompose } from '#api/compose/read-compose.ts';
import { readDependencies } from '#api/depends-on.ts';
import type { KindMap, KindName } from '#api/kinds.ts';

const text = `name: shop
services:
  web:
    image: shop/web:1
    command: node server.js --title "Our shop"
    working_dir: /app
    volumes: ["./web:/app"]
    ports: ["8080:3000"]
    environment: { DB: "db:5432", GREETING: "\${WORD:-hi} \${WORD2:?}" }
    env_file: web.env
    depends_on:
      db: { condition: service_healthy }
      migrate: { condition: service_completed_successfully }
    deploy: { replicas: 2 }
    restrat: always
    networks: [front]
  db:
    image: postgres:17
    expose: ["5432"]
    healthcheck: { test: [CMD-SHELL, pg_isready], interval: 5s, timeout: 3s, retries: 5 }
    stop_grace_period: 1m30s
    stop_signal: SIGINT
  migrate:
    image: shop/migrate:1
    entrypoint: [sh, -c]
    command: ["echo done"]
    x-note: anything
  tools: { image: busybox, profiles: [debug] }
secrets: { key: { file: key } }
`;

function read(more: Readonly<Record<string, string>> = { '/shop/web.env': 'LEVEL=info\nDB=other # a comment\n' }) {
  const reading = readCompose('/shop/compose.yaml', text, (path) => more[path], { WORD2: 'there' });
  const resources = reading.items.flatMap(({ resource }) => resource ?? []);
  const find = <Kind extends KindName>(kind: Kind, name: string): KindMap[Kind] => {
    const found = resources.find((one) => one.kind === kind && one.metadata.name === name);
    assert.ok(found !== undefined, `${kind} ${name}`);
    return found as KindMap[Kind]; // found by its kind
  };
  return {
    find,
    resources,
    said: reading.items
      .flatMap(({ diagnostics }) => diagnostics)
      .map(({ code, severity, message, at }) => `${at?.line} ${severity} ${code} ${message}`),
  };
}

test('services become Deployments, Jobs and Services', () => {
  const { find, resources } = read();
  assert.deepEqual(
    resources.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
    ['Deployment web', 'Service web', 'Deployment db', 'Service db', 'Job migrate'],
  );
  const web = find('Deployment', 'web').spec;
  assert.equal(web.replicas, 2);
  const [container] = web.template.spec.containers;
  assert.deepEqual(container?.command, ['node', 'server.js', '--title', 'Our shop']);
  assert.equal(container?.workingDir, '/shop/web');
  assert.deepEqual(
    container?.env?.map(({ name, value }) => `${name}=${value}`),
    ['LEVEL=info', 'DB=db:5432', 'GREETING=hi there'],
  );
  assert.deepEqual(readDependencies(web.template.metadata?.annotations ?? {}), [
    { name: 'db', until: 'ready' },
    { name: 'migrate', until: 'completed' },
  ]);
  assert.deepEqual(find('Service', 'web').spec.ports, [{ name: 'port-3000', port: 3000, targetPort: 3000 }]);
  assert.deepEqual(find('Service', 'db').spec.ports, [{ name: 'tcp-5432', port: 5432, targetPort: 5432 }]);
  const db = find('Deployment', 'db').spec.template.spec;
  assert.equal(db.terminationGracePeriodSeconds, 90);
  assert.deepEqual(db.containers[0]?.readinessProbe, {
    exec: { command: ['/bin/sh', '-c', 'pg_isready'] },
    periodSeconds: 5,
    timeoutSeconds: 3,
    failureThreshold: 5,
  });
  assert.equal(db.containers[0]?.lifecycle?.stopSignal, 'SIGINT');
  assert.deepEqual(find('Job', 'migrate').spec.template.spec.containers[0]?.command, ['sh', '-c', 'echo done']);
});

test('places are those in the compose file', () => {
  const { find } = read();
  const web = find('Deployment', 'web');
  assert.equal(web.origins.start.line, 3);
  assert.equal(web.origins.at(['spec', 'template', 'spec', 'containers', 0, 'image']).line, 4);
  assert.equal(web.origins.at(['spec', 'template', 'spec', 'containers', 0, 'env', 0]).line, 9);
  assert.equal(find('Service', 'db').origins.start.line, 17);
});

test('what means nothing here, or is no key at all, is said once with its line', () => {
  assert.deepEqual(read().said, [
    '29 warning HDL0462 secrets has no effect here',
    '15 warning HDL0461 unknown key restrat of the service web',
    '16 warning HDL0462 networks of the service web has no effect here',
    '28 info HDL0462 the service tools belongs to a profile and is not started',
    '8 info HDL0462 the ports of web are not opened on this machine',
  ]);
  assert.ok(read({}).said.includes('10 error HDL0460 there is no file web.env'));
});

test('values in all their forms', () => {
  assert.deepEqual(wordsOf(`a "b c" 'd "e' f\\ g`), ['a', 'b c', 'd "e', 'f g']);
  assert.deepEqual([secondsOf('1m30s'), secondsOf('500ms'), secondsOf('soon')], [90, 1, undefined]);
  assert.deepEqual(portsOf('127.0.0.1:8080:80/tcp'), [{ target: 80, published: 8080, protocol: 'tcp' }]);
  assert.deepEqual(portsOf({ target: 80, published: '8080' }), [{ target: 80, published: 8080, protocol: 'tcp' }]);
  assert.deepEqual(
    portsOf('9090-9091:8080-8081').map(({ target, published }) => [target, published]),
    [
      [8080, 9090],
      [8081, 9091],
    ],
  );
  assert.deepEqual(
    portsOf('3000-3002/udp').map(({ target, protocol }) => `${target} ${protocol}`),
    ['3000 udp', '3001 udp', '3002 udp'],
  );
  assert.deepEqual(portsOf('8000-9000:80'), [{ target: 80, published: 8000, protocol: 'tcp' }]);
  assert.deepEqual([portsOf('80-81:80-83'), portsOf('web'), portsOf('0'), portsOf('70000')], [[], [], [], []]);
  assert.deepEqual(readEnvFile('export A="x y" # z\n#B=1\nC=\'$d\'\n'), { A: 'x y', C: '$d' });
  const missing: string[] = [];
  assert.equal(
    interpolated('$A ${B:-b} ${C-c} ${A:+yes} $$A ${D}', { A: 'a', B: '', C: '' }, (name) => missing.push(name)),
    'a b  yes $A ',
  );
  assert.deepEqual(missing, ['D']);
  assert.ok(isComposeFile('a/docker-compose.yaml') && isComposeFile('compose.prod.yml') && !isComposeFile('composer.yaml'));
});

test('a service whose name is none of DNS has the nearest that is, unless another has it', () => {
  const yaml = (other: string) =>
    `services:\n  Order_Service: { image: a, expose: [80], depends_on: [${other}] }\n  ${other}: { image: b, command: run }\n`;
  const readNames = (other: string) => {
    const { items } = readCompose('/shop/compose.yaml', yaml(other), () => undefined, {});
    const resources = items.flatMap(({ resource }) => resource ?? []);
    const said = items.flatMap(({ diagnostics }) => diagnostics.map(({ severity, message }) => `${severity}: ${message}`));
    return { names: resources.map(({ kind, metadata }) => `${kind} ${metadata.name}`), said, resources };
  };
  const renamed = readNames('main_db');
  assert.deepEqual(renamed.names, ['Deployment order-service', 'Service order-service', 'Deployment main-db']);
  assert.deepEqual(renamed.said, [
    'warning: the service Order_Service is called order-service here',
    'warning: the service main_db is called main-db here',
  ]);
  const [order] = renamed.resources;
  assert.ok(order?.kind === 'Deployment');
  assert.deepEqual(readDependencies(order.spec.template.metadata?.annotations ?? {}), [{ name: 'main-db', until: 'started' }]);
  assert.deepEqual(readNames('order-service').said, ['error: the service Order_Service cannot be a name in a mesh']);
});

test('a service takes over what another one says, of the same file or of a second one, and paths stay where they were', () => {
  const yaml = `services:
  base: { image: shop/app:1, command: [node, a.js], environment: { LEVEL: info, MODE: plain }, expose: [80] }
  web: { extends: base, environment: [MODE=web], expose: [81] }
  far: { extends: { file: common/base.yaml, service: db }, ports: ["5433:5432"] }
  loop: { image: a, extends: { service: pool } }
  pool: { image: a, extends: loop }
  lost: { image: a, extends: nobody }
`;
  const others: Readonly<Record<string, string>> = {
    '/shop/common/base.yaml': 'services: { db: { image: postgres:17, env_file: db.env, healthcheck: { test: ready } } }',
    '/shop/common/db.env': 'USER=shop',
  };
  const { items } = readCompose('/shop/compose.yaml', yaml, (path) => others[path], {});
  const container = (name: string) => {
    const found = items.find(({ resource }) => resource?.kind === 'Deployment' && resource.metadata.name === name)?.resource;
    assert.ok(found?.kind === 'Deployment');
    const [one] = found.spec.template.spec.containers;
    return {
      image: one?.image,
      command: one?.command,
      env: one?.env?.map(({ name: key, value }) => `${key}=${value}`),
      ports: one?.ports?.map((port) => port.containerPort),
    };
  };
  assert.deepEqual(container('web'), { image: 'shop/app:1', command: ['node', 'a.js'], env: ['LEVEL=info', 'MODE=web'], ports: [80, 81] });
  assert.deepEqual(container('far'), { image: 'postgres:17', command: undefined, env: ['USER=shop'], ports: [5432] });
  assert.deepEqual(
    items.flatMap(({ diagnostics }) => diagnostics.filter(({ severity }) => severity === 'error').map(({ message, at }) => `${at?.line} ${message}`)),
    ['5 loop extends pool, which extends it', '6 pool extends loop, which extends it', '7 lost extends nobody, which is not there'],
  );
});
