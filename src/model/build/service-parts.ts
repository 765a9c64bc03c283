// What services are put together from, between what users wrote and the mesh.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Endpoint, Service } from '#model/service.ts';

export type ServiceShape = Omit<Service, 'endpoints'>;

/** A service before its endpoints are made: `parts` are what they are made of, compared by identity. */
export type ServiceParts = {
  readonly shape: ServiceShape;
  readonly parts: readonly unknown[];
  readonly endpoints: () => readonly Endpoint[];
};

/** What one ServiceEntry says of one of its hosts. Several of one namespace may speak of the same host. */
export type EntryService = {
  /** `endpoints` are those that stand in the ServiceEntry itself. */
  readonly service: Service;
  /** The name of the ServiceEntry. */
  readonly entryName: string;
  /** Chooses pods and WorkloadEntries of its namespace; an empty one chooses all. */
  readonly selector: Readonly<Record<string, string>> | undefined;
  /** Asks for an automatic address; `assigned` are those that a cluster's allocator gave it. */
  readonly automatic: { readonly assigned: readonly string[] } | undefined;
};

/** All services, and what is wrong with how they were written. */
export type ServiceRegistry = Pick<Mesh, 'services' | 'sharedHosts' | 'aliases'> & { readonly diagnostics: readonly Diagnostic[] };
