// Header changes of a route, its virtual host, route configuration and weighted cluster, compiled from Envoy's headers_to_add and
// headers_to_remove into one list in the order in which Envoy runs them. Nothing is left to sort or to look up per request.
import type { HeaderFormat } from '#decide/header-format.ts';

/** Run in order. Names are lower case. Empty for most routes: test `length` before doing anything. */
export type HeaderOperations = readonly HeaderOperation[];

export type HeaderOperation =
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'set'; readonly name: string; readonly value: HeaderFormat; readonly mode: HeaderMode; readonly keepEmptyValue: boolean };

/** Envoy's HeaderValueOption.append_action. */
export type HeaderMode = 'append' | 'add-if-absent' | 'overwrite' | 'overwrite-if-exists';

export const noHeaderOperations: HeaderOperations = [];
