// What a mesh keeps for itself is not among the files that its applications see: keys, tokens, what was applied, sockets of agents. Without root there is
// no way around it, neither by unmounting nor through other processes.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { inOwnNetwork } from '#test/scenario/own-network.ts';
import type { Up } from '#test/scenario/up.ts';
import { startHeddle } from '#test/support/start-process.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const mesh = `
apiVersion: v1
kind: Pod
metadata: { name: nosy, labels: { app: nosy } }
spec:
  initContainers:
    - { name: first, command: [sh, look.sh] }
  containers:
    - name: app
      command: [sh, -c, "sh look.sh; exec sleep 1000"]
      readinessProbe: { exec: { command: [sh, -c, "! ls -d ../state/*"] }, periodSeconds: 1 }
`;

/** Where it is, then by other ways to the same files. It says of each file that it can read \`FOUND\`. */
const look = `
found() { for file in "$@"; do cat "$file" >/dev/null 2>&1 && echo "FOUND $file"; done; }
found ../state/*/* ../state/* ../state/.[!.]* /run/heddle/* /run/heddle/*/*
cat ../state/ca/ca-key.pem
touch ../state/mine || true
`;

/** Only where applications are not root: who is finds a way. */
const lookHarder = `
state=$(cd .. && pwd)/state
umount "$state"
unshare --user --map-root-user --mount sh -c "umount $state; umount -l $state; ls $state/ca"
for process in /proc/[0-9]*; do ls "$process/root$state/ca"; done
for holder in /proc/[0-9]*; do nsenter --mount="$holder/ns/mnt" ls "$state/ca"; done
echo looked
`;

async function exec(up: Up, ...words: readonly string[]): Promise<string> {
  await using run = await startHeddle(['exec', 'nosy', '--state-dir', `${up.folder.path}/state`, ...words], { stopTimeoutMs: 1_000 });
  await run.exited;
  return run.output();
}

inOwnNetwork('applications, probes and commands beside them see nothing of the folder of the mesh; the proxy does', async (start) => {
  await using up = await start({ files: { 'mesh.yaml': mesh, 'look.sh': look, 'harder.sh': lookHarder } });
  const state = `${up.folder.path}/state`;
  const identities = await readdir(`${state}/identities`);
  assert.ok(identities.some((name) => name.endsWith('.token')));
  const nosy = await waitUntil('the application has looked', async () => {
    const said = await up.log('nosy');
    return /touch: .*\n/.test(said) ? said : undefined;
  });
  for (const said of [nosy, await up.log('nosy.first'), await exec(up, '--', 'sh', 'look.sh')]) {
    assert.doesNotMatch(said, /FOUND/);
    assert.match(said, /ca-key\.pem: No such file or directory/);
    assert.match(said, /touch: .*Read-only file system/);
  }
  assert.match(await exec(up, '-c', 'istio-proxy', '--', 'ls', `${state}/ca`), /ca-key\.pem/);
  if (statSync(`/proc/${up.process.pid}`).uid === 0) return;
  const said = await exec(up, '--', 'sh', 'harder.sh');
  assert.match(said, /umount: .*(not permitted|must be superuser|Invalid argument)[\s\S]*looked$/m);
  assert.doesNotMatch(said, /ca-key/);
});
