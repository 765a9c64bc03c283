// What a subscriber of the xDS client sees: what changed in one response, and its answer.
import type { Result } from '#base/result.ts';
import type { TypeUrl } from '#envoy/type-url.ts';
import type { ResourceMessages } from '#xds/resource-messages.ts';

/**
 * One step forward of a type. Only what really changed is in it; both parts are empty only in the first update of a stream whose
 * server has nothing to give, which is how a subscriber learns that it has waited long enough.
 */
export type ResourceUpdate<Type extends TypeUrl> = {
  readonly updated: ReadonlyMap<string, ResourceMessages[Type]>;
  /** Names that are gone, or that were asked for and do not exist. */
  readonly removed: readonly string[];
};

/** Why an update, or one resource of it, was not taken. Without `resource`, nothing of the update was taken. */
export type Rejection = { readonly resource?: string; readonly message: string };

/**
 * Takes an update: applies every resource that is good, keeps what it had in place of each that is not, and names those. The answer
 * becomes the ACK or NACK; until it is given (a promise is waited for), no later response is handed out.
 */
export type UpdateHandler<Type extends TypeUrl> = (
  update: ResourceUpdate<Type>,
) => Result<void, readonly Rejection[]> | Promise<Result<void, readonly Rejection[]>>;

/** What is asked for: some names, or all there is of a type. */
export type Wanted = readonly string[] | 'all';

/** A running subscription. One type has at most one. */
export type Subscription = {
  /** Replaces what is asked for; the server is told only of the difference. */
  readonly want: (names: Wanted) => void;
  readonly close: () => void;
};
