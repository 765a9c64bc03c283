// All virtual services of a mesh, in order of precedence, delegates merged into those that name them. What did not change is the same object.
import type { ResourcesByKind } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { BuildMemo } from '#model/build/build-memo.ts';
import { type Delegated, mergeDelegates } from '#model/build/delegate.ts';
import { faultDiagnostics } from '#model/build/fault-findings.ts';
import { inOrderOfPrecedence } from '#model/build/precedence.ts';
import { buildVirtualService, type WrittenVirtualService } from '#model/build/virtual-service.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { VirtualService } from '#model/virtual-service.ts';

export type VirtualServices = { readonly virtualServices: readonly VirtualService[]; readonly diagnostics: readonly Diagnostic[] };

/** Without hosts a virtual service is a delegate, and none of the mesh's own. */
export function buildVirtualServices(
  resources: Pick<ResourcesByKind, 'VirtualService'>,
  settings: MeshSettings,
  memo: Pick<BuildMemo, 'virtualServices' | 'delegated'>,
): VirtualServices {
  const written = inOrderOfPrecedence(resources.VirtualService.values()).map((resource) =>
    memo.virtualServices.get([resource, settings], '', () => buildVirtualService(resource, settings)),
  );
  const roots = written.filter(({ hosts }) => hosts.length > 0);
  const ofEach = [...resources.VirtualService.values()].flatMap(faultDiagnostics);
  if (roots.length === written.length && !roots.some(delegatesAny)) return { virtualServices: roots, diagnostics: ofEach };
  const all = new Map(written.map((each) => [`${each.namespace}/${each.name}`, each]));
  const delegates = [...all].filter(([, { hosts }]) => hosts.length === 0);
  const names = delegates.map(([name]) => name);
  const merged = roots.map((root) => (delegatesAny(root) ? mergeRemembered(root, all, names, memo) : { virtualService: root, diagnostics: [] }));
  const used = new Set(roots.flatMap(delegateNames));
  const unused = delegates.filter(([name]) => !used.has(name)).map(([, delegate]) => unusedDelegate(delegate));
  return {
    virtualServices: merged.map(({ virtualService }) => virtualService),
    diagnostics: [...ofEach, ...merged.flatMap(({ diagnostics }) => diagnostics), ...unused],
  };
}

function delegatesAny({ http }: WrittenVirtualService): boolean {
  return http.some(({ delegate }) => delegate !== undefined);
}

function delegateNames({ http }: WrittenVirtualService): readonly string[] {
  return http.flatMap(({ delegate }) => (delegate === undefined ? [] : [`${delegate.namespace}/${delegate.name}`]));
}

const nobody = {};

/** Made anew when the root or one of those it names is another. */
function mergeRemembered(
  root: WrittenVirtualService,
  all: ReadonlyMap<string, WrittenVirtualService>,
  delegates: readonly string[],
  memo: Pick<BuildMemo, 'delegated'>,
): Delegated {
  const named = delegateNames(root).map((name) => all.get(name) ?? nobody);
  return memo.delegated.get([root, ...named], '', () => mergeDelegates(root, (key) => all.get(key), delegates));
}

function unusedDelegate({ namespace, name, origin }: WrittenVirtualService): Diagnostic {
  return {
    code: 'HDL0014',
    severity: 'warning',
    message: `VirtualService ${namespace}/${name} has no hosts and no other VirtualService delegates to it, so it never acts`,
    hint: 'add hosts, or name it as the delegate of a rule',
    at: origin,
  };
}
