// How a process is started inside a pod's namespaces, as whom, and in its own folder. Pure.

import type { KindMap } from '#api/kinds.ts';
import type { Container } from '#api/kubernetes/container.ts';
import type { ProcessSpec } from '#runtime/child-process.ts';
import type { NetnsMeans } from '#runtime/netns/availability.ts';

export type Identity = { readonly uid: number; readonly gid: number };

/**
 * The programs replace one another, so that the process that was started is the one that runs in the end. Entering a mount namespace forgets the
 * folder: a shell goes back there.
 */
export function enterPod(spec: ProcessSpec, pause: number, { programs, isRoot }: NetnsMeans, as: Identity | undefined): ProcessSpec {
  const asUser = as !== undefined && isRoot ? ['-G', String(as.gid), '-S', String(as.uid)] : [];
  // Where there is but one user, a namespace of its own makes it look like the one who is asked for.
  const inOwn = as !== undefined && !isRoot ? [programs.unshare, '--user', `--map-user=${as.uid}`, `--map-group=${as.gid}`, '--'] : [];
  const script = 'cd "$1" && shift && exec "$@"';
  const args = [
    '-t',
    String(pause),
    '-n',
    '-m',
    '-u',
    ...asUser,
    '--',
    '/bin/sh',
    '-c',
    script,
    'sh',
    spec.cwd,
    ...inOwn,
    spec.command,
    ...spec.args,
  ];
  return { ...spec, command: programs.nsenter, args };
}

/** Container.securityContext before Pod's: runAsUser, runAsGroup. Undefined: nobody in particular was asked for. */
export function askedIdentity({ spec }: KindMap['Pod'], container?: Pick<Container, 'securityContext'>): Partial<Identity> {
  const uid = container?.securityContext?.runAsUser ?? spec.securityContext?.runAsUser;
  const gid = container?.securityContext?.runAsGroup ?? spec.securityContext?.runAsGroup;
  return { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
}
