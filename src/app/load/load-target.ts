// What a load is aimed at, as people type it: a URL, a path of the mesh's gateway, or a Service. Pure: words in, what they mean out.

export type LoadTarget =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'path'; readonly path: string }
  | {
      readonly kind: 'service';
      readonly name: string;
      readonly namespace?: string;
      readonly port?: number /** '' where none was typed. */;
      readonly path: string;
    };

/** Undefined: none of them. */
export function readTarget(word: string): LoadTarget | undefined {
  if (/^https?:\/\//i.test(word)) {
    if (!URL.canParse(word)) return undefined;
    const url = new URL(word);
    url.hash = '';
    return url.username === '' && url.password === '' ? { kind: 'url', url: url.href } : undefined;
  }
  if (/^\/\S*$/.test(word)) return { kind: 'path', path: word };
  const [, name, namespace, port, path = ''] =
    /^([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)(?:\.([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)(?:\.svc(?:\.cluster\.local)?)?)?(?::(\d{1,5}))?(\/\S*)?$/.exec(word) ??
    [];
  if (name === undefined) return undefined;
  return { kind: 'service', name, ...(namespace !== undefined && { namespace }), ...(port !== undefined && { port: Number(port) }), path };
}

/** Where a pod asks a Service, as its program would. */
export type CalledService = { readonly name: string; readonly namespace: string; readonly port: number; readonly path: string };

/**
 * The URL by which a pod asks a Service, from the pod's variables: by name; where pods share this machine's network by the port of its sidecar for that
 * Service, or through its sidecar as HTTP proxy. `host` is what the request says in any case.
 */
export function urlInPod(
  { name, namespace, port, path }: CalledService,
  podNamespace: string,
  variables: Readonly<Record<string, string | undefined>>,
): { readonly url: string; readonly host: string; readonly proxy?: string } {
  const host = `${namespace === podNamespace ? name : `${name}.${namespace}`}${port === 80 ? '' : `:${port}`}`;
  const url = `http://${host}${path}`;
  const prefix = `${name.toUpperCase().replaceAll('-', '_')}_PORT_${port}_TCP`;
  const [address, listen] = [variables[`${prefix}_ADDR`], variables[`${prefix}_PORT`]];
  if (podNamespace === namespace && address !== undefined && listen !== undefined) return { url: `http://${address}:${listen}${path}`, host };
  const proxy = variables['http_proxy'] ?? variables['HTTP_PROXY'];
  return { url, host, ...(proxy !== undefined && proxy !== '' && { proxy }) };
}
