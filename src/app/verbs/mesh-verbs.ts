// The verbs of a mesh that runs, put together: what the admin API carries is done here, each verb in a file of its own.

import type { MeshVerbs, VerbFailure } from '#admin/client/verbs.ts';
import type { ResourcesByKind } from '#api/kinds.ts';
import type { Runs } from '#app/run/runs.ts';
import { type ApplyParts, applyManifests, deleteManifests, deleteResource } from '#app/verbs/apply.ts';
import { describeResource } from '#app/verbs/describe.ts';
import { execInPod } from '#app/verbs/exec.ts';
import { getResources } from '#app/verbs/get.ts';
import type { LiveMesh } from '#app/verbs/live-mesh.ts';
import { connectToPod } from '#app/verbs/port-forward.ts';
import { restart, rollout, scale } from '#app/verbs/rollout.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { failed, type Result } from '#base/result.ts';
import type { Watchdog } from '#runtime/watchdog.ts';

export type MeshVerbParts = {
  /** Undefined while the mesh is being started. */
  readonly live: () => LiveMesh | undefined;
  readonly onChange: MeshVerbs['onChange'];
  readonly files: ApplyParts['files'];
  readonly plan: (resources: ResourcesByKind) => readonly Diagnostic[];
  readonly runs: Pick<Runs, 'join'>;
  readonly watchdog: Pick<Watchdog, 'add' | 'drop'>;
};

const starting: Result<never, VerbFailure> = failed({ status: 409, error: 'the mesh is still being started', hint: 'ask again in a moment' });

export function meshVerbs({ live, onChange, files, plan, runs, watchdog }: MeshVerbParts): MeshVerbs {
  const on = <Request, Answer>(run: (request: Request, mesh: LiveMesh) => Answer) => {
    return (request: Request): Answer | typeof starting => {
      const mesh = live();
      return mesh === undefined ? starting : run(request, mesh);
    };
  };
  const changing = <Request, Answer>(run: (request: Request, parts: ApplyParts) => Answer) =>
    on((request: Request, mesh) => run(request, { live: mesh, files, plan }));
  return {
    get: on(getResources),
    onChange,
    describe: on(describeResource),
    apply: changing(applyManifests),
    remove: changing(deleteResource),
    removeFiles: changing(deleteManifests),
    scale: on(scale),
    restart: on(restart),
    rollout: on(rollout),
    exec: on((request, mesh) => execInPod(request, mesh, watchdog)),
    run: on((request, mesh) => runs.join(request, mesh)),
    connect: async (request) => {
      const mesh = live();
      return mesh === undefined ? starting : connectToPod(request, mesh);
    },
  };
}
