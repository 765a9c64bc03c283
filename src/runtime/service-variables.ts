// Kubernetes' variables for the services of a pod's namespace. In loopback mode they point at the pod's own proxy, so that a client that reads
// them needs no change and the source of each call is known. https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
import type { CalledHost } from '#runtime/called-host.ts';
import type { Reach } from '#runtime/network.ts';
import type { PodPorts } from '#runtime/port-plan.ts';

/**
 * `HELLO_SERVICE_HOST`, `HELLO_SERVICE_PORT`, `HELLO_SERVICE_PORT_HTTP`, `HELLO_PORT`, `HELLO_PORT_80_TCP…` for each service with a port here;
 * for a host of a ServiceEntry `API_EXAMPLE_COM_SERVICE_HOST` and so on.
 */
export function serviceVariables(
  calls: readonly CalledHost[],
  reach: (hostname: string, port: number) => Reach | undefined,
): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const { hostname, name: written, ports: called } of calls) {
    const name = variableName(written);
    let isFirst = true;
    for (const { name: portName, number: port } of called) {
      const place = reach(hostname, port);
      if (place === undefined) continue;
      const url = `tcp://${place.address}:${place.port}`;
      if (isFirst) {
        variables[`${name}_SERVICE_HOST`] = place.address;
        variables[`${name}_SERVICE_PORT`] = String(place.port);
        variables[`${name}_PORT`] = url;
        isFirst = false;
      }
      if (portName !== '') variables[`${name}_SERVICE_PORT_${variableName(portName)}`] = String(place.port);
      variables[`${name}_PORT_${port}_TCP`] = url;
      variables[`${name}_PORT_${port}_TCP_PROTO`] = 'tcp';
      variables[`${name}_PORT_${port}_TCP_PORT`] = String(place.port);
      variables[`${name}_PORT_${port}_TCP_ADDR`] = place.address;
    }
  }
  return variables;
}

/**
 * The sidecar as HTTP proxy for everything but this machine itself, in both spellings that clients read. By HTTPS_PROXY a client asks it to CONNECT:
 * what the mesh says of a port or of the world outside then holds for TLS, too.
 */
export function proxyVariables(ports: PodPorts): Readonly<Record<string, string>> {
  if (ports.httpProxy === undefined) return {};
  const url = `http://${ports.address}:${ports.httpProxy}`;
  const direct = 'localhost,127.0.0.1,::1';
  return { HTTP_PROXY: url, http_proxy: url, HTTPS_PROXY: url, https_proxy: url, NO_PROXY: direct, no_proxy: direct };
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
}
