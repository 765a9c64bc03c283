// Programs that know of no mesh, by the clients that they come with, through captured connections and mutual TLS: HTTP/2 with prior knowledge and by upgrade,
// streams as gRPC's, PostgreSQL, and a mail server that speaks first. nginx, Redis and Python's file server: netns-unchanged.test.ts; resolvers: test/dns.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { inOwnNetwork } from '#test/scenario/own-network.ts';
import type { Up } from '#test/scenario/up.ts';
import { findProgram } from '#test/support/find-program.ts';
import { startHeddle } from '#test/support/start-process.ts';

const folder = join(import.meta.dirname, 'strangers');
const built = mkdtempSync(join(tmpdir(), 'heddle-strangers-'));
chmodSync(built, 0o755);
after(() => rmSync(built, { recursive: true, force: true }));

/** In the pod's own /run, which goes with it. As somebody who is not root: the server wants that. */
const database = [
  'PATH=$PATH:$(echo /usr/lib/postgresql/*/bin | tr " " :)',
  'initdb -D /run/data -U stranger -A trust --no-sync --locale=C >/dev/null',
  'echo "host all all all trust" >> /run/data/pg_hba.conf',
  'exec postgres -D /run/data -k /run -c listen_addresses=* -c fsync=off',
].join(' && ');

function server(name: string, command: readonly string[], target: number, ports: string, more = ''): string {
  return `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${name} } }
spec: { ${more} containers: [{ name: app, command: ${JSON.stringify(command)}, ports: [{ containerPort: ${target} }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: ${name} }, ports: [${ports}] }
---`;
}

const client = (name: string, inject: boolean): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { sidecar.istio.io/inject: "${inject}" } }
spec: { containers: [{ name: app, command: [sleep, "100000"] }] }
---`;

const strict = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
`;

const mesh = [
  server('go', [join(built, 'go'), 'serve'], 8080, '{ name: http2, port: 80, targetPort: 8080 }, { name: grpc, port: 90, targetPort: 8080 }'),
  // Nothing says what its port speaks.
  server('database', ['sh', '-c', database], 5432, '{ port: 5432 }', 'securityContext: { runAsUser: 65534, runAsGroup: 65534 },'),
  server('mail', ['python3', join(folder, 'mail.py')], 25, '{ name: tcp-mail, port: 25 }'),
  client('client', true),
  client('outsider', false),
  strict,
].join('');

/** What it printed, and its exit code where that is not 0. */
async function exec(up: Up, pod: string, ...command: readonly string[]): Promise<string> {
  await using run = await startHeddle(['exec', pod, '--state-dir', `${up.folder.path}/state`, '--', ...command]);
  const { code } = await run.exited;
  return code === 0 ? run.output().trim() : `${run.output().trim()}; exit code ${code}`;
}

type Visit = { readonly by: string; readonly programs: readonly string[]; readonly command: readonly string[]; readonly says: string };

const visits: readonly Visit[] = [
  {
    by: 'Go, HTTP/2 with prior knowledge: requests at once, and a stream',
    programs: [],
    command: [join(built, 'go'), 'http://go/', 'http://go:90'],
    says: '40 HTTP/2.0 200 OK: POST HTTP/2.0 100000\nONE TWO THREE grpc-status 0',
  },
  {
    by: 'Java, HTTP/2 by upgrade where it is granted',
    programs: ['java', 'javac'],
    command: ['java', '-Xshare:auto', '-cp', built, 'Visitor', 'http://go/'],
    says: '10 200 GET HTTP/2.0 0\n10 200 POST HTTP/2.0 300000',
  },
  {
    by: 'curl, HTTP/2 with prior knowledge',
    programs: ['curl'],
    command: ['curl', '-sS', '--http2-prior-knowledge', '-w', ' %{http_version}', 'http://go/'],
    says: 'GET HTTP/2.0 0 2',
  },
  {
    by: 'curl, an upload that asks before it begins',
    programs: ['curl'],
    command: ['sh', '-c', 'head -c 3000000 /dev/zero | curl -sS -T - -H "Expect: 100-continue" http://go/'],
    says: 'PUT HTTP/2.0 3000000',
  },
  {
    by: "Python's urllib, http.client, requests and smtplib",
    programs: ['python3'],
    command: ['python3', join(folder, 'visit.py'), 'go', 'mail'],
    says: `urllib POST HTTP/2.0 2000000
http.client POST HTTP/2.0 3
requests POST HTTP/2.0 5
smtplib (250, b'ok') (250, b'ok') (250, b'took 500002')`,
  },
  {
    by: 'psql: a table, a large answer, and the server asked for TLS first',
    programs: ['psql'],
    command: [
      ...['psql', '-h', 'database', '-U', 'stranger', '-d', 'postgres', '-qAtc'],
      "create table t (n int); insert into t select generate_series(1, 50000); select sum(n) from t; select length(string_agg(n::text, ',')) from t",
    ],
    says: '1250025000\n288893',
  },
];

async function pay({ by, programs, command, says }: Visit, up: Up): Promise<void> {
  const lacks = programs.filter((name) => findProgram(name) === undefined);
  if (lacks.length > 0) {
    process.stderr.write(`*** ${by} is left out: no ${lacks.join(', ')} ***\n`);
    return;
  }
  const said = await exec(up, 'client', ...command);
  // Not everybody has requests.
  const expected = said.includes('requests is not installed') ? says.replace(/requests .*/, 'requests is not installed') : says;
  assert.deepEqual(said.split('\n').sort(), expected.split('\n').sort(), by);
}

const missing = ['go', 'python3', 'psql'].filter((name) => findProgram(name) === undefined);
if (findProgram('javac') !== undefined) execFileSync('javac', ['-d', built, join(folder, 'Visitor.java')]);
const unbuilt = missing.includes('go') ? 'no go' : build();

function build(): string | undefined {
  try {
    execFileSync('go', ['build', '-o', join(built, 'go'), '.'], { cwd: join(folder, 'go'), stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const title = 'clients and servers of all kinds speak through the mesh as they would without it';
if (missing.length > 0 || unbuilt !== undefined) {
  void test(title, { skip: `needs go, python3, psql and PostgreSQL: ${unbuilt ?? missing.join(', ')}` }, () => {});
} else {
  inOwnNetwork(title, async (start) => {
    await using up = await start({ files: { 'mesh.yaml': mesh } });
    // All at the same time, as they would be there. Without an identity nobody gets in: what the others say is encrypted. Who waits to be greeted waits in vain.
    const refused = (...command: readonly string[]) => exec(up, 'outsider', ...command).then((said) => assert.match(said, /exit code [12]$/));
    await Promise.all([
      ...visits.map((visit) => pay(visit, up)),
      refused('psql', '-h', 'database', '-U', 'stranger', '-d', 'postgres', '-c', 'select 1'),
      refused('python3', '-c', 'import smtplib; smtplib.SMTP("mail", timeout=1)'),
      refused(join(built, 'go'), 'http://go/', 'http://go:90'),
    ]);
  });
}
