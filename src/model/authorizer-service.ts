// The service that an external authoriser is.
import type { ExternalAuthorizer } from '#model/extension-provider.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Service } from '#model/service.ts';

/**
 * Undefined where there is none, or where several namespaces have one of the name and the provider does not say which. Source: Istio, LookupCluster;
 * beyond it, the service must have the port, as nobody could be asked otherwise.
 */
export function authorizerService(
  { services, sharedHosts }: Pick<Mesh, 'services' | 'sharedHosts'>,
  provider: ExternalAuthorizer,
): Service | undefined {
  const slash = provider.service.indexOf('/');
  const hostname = provider.service.slice(slash + 1).toLowerCase();
  const only = services.get(hostname);
  const all = sharedHosts.get(hostname) ?? (only === undefined ? [] : [only]);
  const meant = slash < 0 ? all : all.filter(({ namespace }) => namespace === provider.service.slice(0, slash));
  const [service] = meant;
  return meant.length === 1 && service?.ports.some(({ number }) => number === provider.port) === true ? service : undefined;
}
