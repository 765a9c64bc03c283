// The files of a pod, and the commands that run in it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KindMap } from '#api/kinds.ts';
import type { NetnsMeans } from '#runtime/netns/availability.ts';
import { askedIdentity, enterPod } from '#runtime/netns/enter.ts';
import { podFiles } from '#runtime/netns/pod-files.ts';
import { lookUpByDns } from '#runtime/netns/run-folder.ts';
import { quote } from '#runtime/netns/shell-word.ts';

const at = { file: 'mesh.yaml', line: 1, col: 1 };

function pod(spec: Partial<KindMap['Pod']['spec']>): KindMap['Pod'] {
  const metadata = { name: 'web-0', namespace: 'shop', labels: {}, annotations: {} };
  return { apiVersion: 'v1', kind: 'Pod', metadata, origins: { start: at, at: () => at }, spec: { containers: [], ...spec } };
}

test('names as a kubelet writes them: search domains, ndots, the pod itself, and what the pod adds', () => {
  const files = podFiles(
    pod({
      hostname: 'db-0',
      subdomain: 'db',
      hostAliases: [{ ip: '10.1.2.3', hostnames: ['old', 'older'] }],
      dnsConfig: { nameservers: ['9.9.9.9'], searches: ['corp.example'], options: [{ name: 'ndots', value: '2' }, { name: 'use-vc' }] },
    }),
    ['198.18.0.10', 'fd00:18::a'],
    '198.18.0.1',
    'cluster.local',
  );
  assert.deepEqual(files, {
    hostname: 'db-0',
    resolv:
      'search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 198.18.0.1\nnameserver 9.9.9.9\noptions ndots:2 use-vc\n',
    hosts:
      '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n198.18.0.10 db-0.db.shop.svc.cluster.local db-0\nfd00:18::a db-0.db.shop.svc.cluster.local db-0\n10.1.2.3 old older\n',
  });
  const own = podFiles(pod({ dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1'] } }), ['198.18.0.10'], '198.18.0.1', 'cluster.local');
  assert.equal(own.resolv, 'nameserver 1.1.1.1\n');
});

test('a process enters its pod in its own folder, as whom it asks for', () => {
  const means: NetnsMeans = {
    isRoot: false,
    programs: {
      unshare: '/bin/unshare',
      nsenter: '/bin/nsenter',
      ip: '/bin/ip',
      mount: '/bin/mount',
      hostname: '/bin/hostname',
      rules: { kind: 'nft', path: '/sbin/nft' },
    },
    cidr: '198.18.0.0/15',
  };
  const namespaces = { net: '/proc/7/fd/1', mount: '/proc/7/fd/2', applicationMount: '/proc/7/fd/4', uts: '/proc/7/fd/3' };
  const spec = { command: 'psql', args: ['-c', 'select 1'], cwd: '/data', env: {}, logFile: 'log' };
  const tail = (entered: { readonly args: readonly string[] }) => entered.args.slice(entered.args.indexOf('sh') + 1).join(' ');
  const application = { who: 'application', as: { uid: 999, gid: 998 } } as const;
  const entered = enterPod(spec, namespaces, means, application);
  assert.equal(entered.command, '/bin/nsenter');
  assert.deepEqual(entered.args.slice(0, 4), ['--net=/proc/7/fd/1', '--mount=/proc/7/fd/4', '--uts=/proc/7/fd/3', '--']);
  assert.equal(tail(entered), '/data /bin/unshare --user --map-user=999 --map-group=998 -- psql -c select 1');
  assert.equal(
    tail(enterPod(spec, namespaces, { ...means, isRoot: true }, application)),
    '/data /bin/unshare --setgid 998 --setuid 999 -- psql -c select 1',
  );
  assert.equal(tail(enterPod(spec, namespaces, means, { who: 'application' })), '/data psql -c select 1');
  const proxy = enterPod(spec, namespaces, means, { who: 'proxy' });
  assert.deepEqual([proxy.args[1], proxy.env, tail(proxy)], ['--mount=/proc/7/fd/2', { TMPDIR: '/run/heddle' }, '/data psql -c select 1']);
  const asked = pod({ securityContext: { runAsUser: 1, runAsGroup: 2 } });
  assert.deepEqual(askedIdentity(asked, { securityContext: { runAsUser: 3 } }), { uid: 3, gid: 2 });
});

test('names are looked up in files and by DNS alone, as in a container', () => {
  const written = 'passwd: files systemd\nhosts:  files mdns4_minimal [NOTFOUND=return] resolve [!UNAVAIL=return] dns\nnetworks: files\n';
  assert.equal(lookUpByDns(written), 'passwd: files systemd\nhosts:  files dns\nnetworks: files\n');
  assert.equal(lookUpByDns('passwd: files\n'), 'passwd: files\n');
});

test('whatever stands in YAML is one word for a shell', () => assert.equal(quote("a'b $(reboot)"), `'a'\\''b $(reboot)'`));
