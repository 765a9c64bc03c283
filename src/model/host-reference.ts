// How one resource names another's host: what stands in the YAML and what it means there.
import type { Origin } from '#base/origin.ts';

/** A host as written and as resolved in the writer's namespace. */
export type HostReference = { readonly written: string; readonly hostname: string; readonly origin: Origin };
