// What was applied to an earlier mesh of this state folder and is in force again, as events: nobody shall wonder why a file does not act.
import { resourceName } from '#api/resource-name.ts';
import type { UpConfiguration } from '#app/up/configuration.ts';
import type { UpEvent } from '#app/up/event.ts';
import { formatOrigin } from '#base/origin.ts';
import { idOf } from '#sources/next-snapshot.ts';

export function appliedEvents(configuration: Pick<UpConfiguration, 'applied' | 'fileResources'>): readonly UpEvent[] {
  const inFiles = new Map(configuration.fileResources().map((resource) => [idOf(resource), resource]));
  return configuration.applied.all().map((resource): UpEvent => {
    const covered = inFiles.get(idOf(resource));
    const instead = covered === undefined ? {} : { instead: formatOrigin(covered.origins.start) };
    return { kind: 'applied', resource: resourceName(resource), from: resource.origins.start.file, ...instead };
  });
}
