// One thing that a rule of an AuthorizationPolicy asks, as a row that principals and permissions have in common.
import type { Values } from '#model/authorization-policy.ts';

/** Something that a rule asks of a request: any of `values.values` and none of `values.not`; neither of them asks nothing. */
export type Attribute<Node> = {
  readonly values: Values;
  /** Nothing that a connection of bytes has. */
  readonly isHttp: boolean;
} & ({ readonly each: (value: string) => Node } | { readonly together: (values: readonly string[]) => Node });
