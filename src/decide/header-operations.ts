// Header changes of a route, virtual host or cluster, compiled from Envoy's headers_to_add and headers_to_remove.

/** Applied in order: first removals, then additions (Envoy: HeaderParser::evaluateHeaders). Names are lower case. */
export type HeaderOperations = {
  readonly remove: readonly string[];
  readonly add: readonly { readonly name: string; readonly value: string; readonly mode: HeaderMode }[];
};

/** Envoy's HeaderValueOption.append_action. */
export type HeaderMode = 'append' | 'add-if-absent' | 'overwrite' | 'overwrite-if-exists';

export const noHeaderOperations: HeaderOperations = { remove: [], add: [] };
