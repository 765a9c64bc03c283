// Changes to headers, as a route or a destination asks for them. Names in lower case, sorted; values may hold Envoy's format commands.

export type HeaderChange = { readonly name: string; readonly value: string };

/** `set` replaces, `add` appends to what is there, `remove` comes before both. */
export type HeaderChanges = {
  readonly set: readonly HeaderChange[];
  readonly add: readonly HeaderChange[];
  readonly remove: readonly string[];
};

/** `authority` is what a change of `Host` or `:authority` asks for: it is no header in Envoy. */
export type MessageHeaders = { readonly request: HeaderChanges; readonly response: HeaderChanges; readonly authority?: string };
