// The end of every switch over a union: a new kind does not compile until it is handled.

/** Throws for a value the type system says cannot exist. `what` names the union. */
export function assertNever(value: never, what: string): never {
  throw new Error(`unhandled ${what}: ${JSON.stringify(value)}`);
}
