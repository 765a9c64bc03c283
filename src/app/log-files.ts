// The log files of a mesh: which ones a name means, and where in one the last start of its program begins. In: the names of the folder. Out: files.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Beside each log: a line for each start of its program, with the size that the log had then. */
export const startsSuffix = '.starts';

export type LogQuery = {
  /** `hello-v1`, `hello-v1.shop`, `shop/hello-v1`, `pod/hello-v1`, `deployment/hello`. */
  readonly name: string;
  /** Undefined: that of the name, or `default`. */
  readonly namespace?: string | undefined;
  /** Undefined: all containers. `istio-proxy` is the proxy. */
  readonly container?: string | undefined;
};

const controllers = /^(?:deployments?|deploy|replicasets?|rs|statefulsets?|sts|daemonsets?|ds|jobs?)$/;

/** Names of files, in order; none where nothing fits. A pod without containers (a gateway) has the log of its proxy alone. */
export function logFilesOf(files: readonly string[], { name: asked, namespace, container }: LogQuery): readonly string[] {
  const logs = files.filter((file) => file.endsWith('.log') && file !== 'control-plane.log').sort();
  const [kind, inKind] = /^(pods?|po|deployments?|deploy|replicasets?|rs|statefulsets?|sts|daemonsets?|ds|jobs?)\/(.+)$/.exec(asked)?.slice(1) ?? [];
  const { pod, inNamespace } = placeOf(inKind ?? asked, namespace);
  if (asked === 'control-plane') return files.includes('control-plane.log') ? ['control-plane.log'] : [];
  const escaped = pod.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const podPattern = kind !== undefined && controllers.test(kind) ? `${escaped}-\\d+` : escaped;
  const fits = new RegExp(`^${podPattern}${inNamespace === 'default' ? '' : `\\.${inNamespace}`}(?:\\.([a-z0-9-]+))?\\.log$`);
  const found = logs.flatMap((file) => {
    const match = fits.exec(file);
    return match === null ? [] : [{ file, part: match[1] }];
  });
  if (container === 'istio-proxy' || container === 'proxy') return found.filter(({ part }) => part === 'proxy').map(({ file }) => file);
  const ofContainers = found.filter(({ part }) => part !== 'proxy');
  // A container that is alone in its pod gives the file no name of its own; what follows the name in other files is then a namespace.
  const alone = ofContainers.filter(({ part }) => part === undefined);
  const named = ofContainers.filter(({ part }) => container === undefined || part === container);
  const chosen = alone.length > 0 && (container === undefined || named.length === 0) ? alone : named;
  return (chosen.length > 0 || container !== undefined ? chosen : found).map(({ file }) => file);
}

function placeOf(name: string, namespace: string | undefined): { readonly pod: string; readonly inNamespace: string } {
  const slash = name.indexOf('/');
  if (slash >= 0) return { pod: name.slice(slash + 1), inNamespace: name.slice(0, slash) };
  const dot = name.indexOf('.');
  if (namespace !== undefined || dot < 0) return { pod: name, inNamespace: namespace ?? 'default' };
  return { pod: name.slice(0, dot), inNamespace: name.slice(dot + 1) };
}

/** From where to where the run before the last one wrote; undefined where there was one run only. */
export function previousRun(folder: string, file: string): { readonly from: number; readonly to: number } | undefined {
  try {
    const starts = readFileSync(join(folder, `${file}${startsSuffix}`), 'utf8')
      .trim()
      .split('\n')
      .map(Number);
    const [from, to] = starts.slice(-2);
    return from === undefined || to === undefined ? undefined : { from, to };
  } catch {
    return undefined;
  }
}
