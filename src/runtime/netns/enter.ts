// How a process is started inside a pod's namespaces, as whom, and in its own folder. Pure.

import type { KindMap } from '#api/kinds.ts';
import type { Container } from '#api/kubernetes/container.ts';
import type { ProcessSpec } from '#runtime/child-process.ts';
import type { NetnsMeans } from '#runtime/netns/availability.ts';
import { type Namespaces, ownFolder } from '#runtime/netns/pause.ts';

export type Identity = { readonly uid: number; readonly gid: number };

/** `as` undefined: as whoever the pod belongs to. A proxy sees what is hidden from applications, and has its own place for what it keeps. */
export type Entrant = { readonly who: 'proxy' } | { readonly who: 'application'; readonly as?: Identity | undefined };

/**
 * The programs replace one another, so that the process that was started is the one that runs in the end. Entering a mount namespace forgets the
 * folder: a shell goes back there.
 */
export function enterPod(
  spec: ProcessSpec,
  { net, mount, applicationMount, uts }: Namespaces,
  { programs, isRoot }: NetnsMeans,
  entrant: Entrant,
): ProcessSpec {
  const isProxy = entrant.who === 'proxy';
  const as = isProxy ? undefined : entrant.as;
  const program = as === undefined ? [] : [programs.unshare, ...identityArguments(as, isRoot), '--'];
  // Before the user changes: root may go where that one may not.
  const script = 'cd "$1" && unset OLDPWD && shift && exec "$@"';
  const args = [
    `--net=${net}`,
    `--mount=${isProxy ? mount : applicationMount}`,
    `--uts=${uts}`,
    '--',
    '/bin/sh',
    '-c',
    script,
    'sh',
    spec.cwd,
    ...program,
    spec.command,
    ...spec.args,
  ];
  return { ...spec, command: programs.nsenter, args, ...(isProxy && { env: { ...spec.env, TMPDIR: ownFolder } }) };
}

/** Where there is but one user, a user namespace makes it look like the one who is asked for. */
function identityArguments({ uid, gid }: Identity, isRoot: boolean): readonly string[] {
  return isRoot ? ['--setgid', String(gid), '--setuid', String(uid)] : ['--user', `--map-user=${uid}`, `--map-group=${gid}`];
}

/** Container.securityContext before Pod's: runAsUser, runAsGroup. Undefined: nobody in particular was asked for. */
export function askedIdentity({ spec }: KindMap['Pod'], container?: Pick<Container, 'securityContext'>): Partial<Identity> {
  const uid = container?.securityContext?.runAsUser ?? spec.securityContext?.runAsUser;
  const gid = container?.securityContext?.runAsGroup ?? spec.securityContext?.runAsGroup;
  return { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
}
