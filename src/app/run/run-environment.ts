// The variables of a command that joins the mesh: its caller's own, without what would lead it past the mesh, and what the mesh gives. Pure. And how it
// comes into the namespaces of the mesh.

/** Ways around: proxies of the caller's network, and addresses of services that somebody else wrote down. And what is between our own processes. */
const routing = /^(?:(?:https?|all|no)_proxy|\w+_SERVICE_(?:HOST|PORT)\w*|HEDDLE_LAUNCHER)$/i;

export function runEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const kept = Object.entries(own).flatMap(([name, value]) => (value === undefined || routing.test(name) ? [] : [[name, value] as const]));
  return { ...Object.fromEntries(kept), ...given };
}

/**
 * A process of the same user may enter a user namespace of his, and has its rights there: then the rest of the way is open to it. `program` is nsenter,
 * as the mesh calls it.
 */
export function throughUserNamespace(program: string, args: readonly string[], mesh: number): readonly string[] {
  return ['-t', String(mesh), '-U', '--preserve-credentials', '--', program, ...args];
}
