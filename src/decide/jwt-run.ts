// The JWT filter at work on one request: which tokens it carries, whether they satisfy what is required, and what becomes of the request. Pure, but
// for the tokens that a provider remembers as good.
import type { JsonObject } from '@bufbuild/protobuf';
import type { JwtEntry, JwtProviderEntry, JwtRequirementEntry } from '#decide/jwt-entry.ts';
import { type JwtFailure, type JwtStatus, jwtFailures } from '#decide/jwt-failure.ts';
import { type HeadChanges, JwtHead } from '#decide/jwt-head.ts';
import { type FoundToken, looksAt, removeToken, tokensIn } from '#decide/jwt-location.ts';
import { type Verified, verifyBy, verifyFor } from '#decide/jwt-verify.ts';
import { pathMatches, pathOnly } from '#decide/path-condition.ts';
import { othersHold } from '#decide/route-match.ts';
import type { RequestView } from '#decide/views.ts';

export type JwtResult = {
  /** Undefined: the request may pass. */
  readonly failure: JwtStatus;
  readonly changes: HeadChanges | undefined;
  /** What is known of the tokens, for the filters behind. */
  readonly metadata: JsonObject | undefined;
  /** The route is to be found anew. */
  readonly reroutes: boolean;
  /** Of the tokens that were good; for a trace. */
  readonly issuers: readonly string[];
};

/** `nowMs`: since the epoch. `isOff`: the route wants no token; what only this filter may say is taken away all the same. */
export function runJwt(entry: JwtEntry, request: RequestView, nowMs: number, isOff: boolean): JwtResult {
  const run = new JwtRun(request, entry.ownHeaders, Math.floor(nowMs / 1000));
  const rule = isOff || (entry.passesPreflights && isPreflight(request)) ? undefined : ruleFor(entry, request);
  return run.result(rule?.requires ?? { kind: 'nothing' });
}

function ruleFor({ rules }: JwtEntry, request: RequestView): JwtEntry['rules'][number] | undefined {
  const path = pathOnly(request.path);
  return rules.find(({ match }) => pathMatches(match.path, path, request.method) && othersHold(match, request, 0));
}

function isPreflight(request: RequestView): boolean {
  const has = (name: string): boolean => (request.header(name) ?? '') !== '';
  return request.method === 'OPTIONS' && has('origin') && has('access-control-request-method');
}

class JwtRun {
  readonly #head: JwtHead;
  readonly #nowSeconds: number;
  #metadata: JsonObject | undefined = undefined;
  #reroutes = false;
  readonly #issuers: string[] = [];

  constructor(request: RequestView, ownHeaders: readonly string[], nowSeconds: number) {
    this.#head = new JwtHead(request);
    this.#remove(ownHeaders);
    this.#nowSeconds = nowSeconds;
  }

  result(requirement: JwtRequirementEntry): JwtResult {
    const failure = this.#check(requirement);
    return { failure, changes: this.#head.changes(), metadata: this.#metadata, reroutes: this.#reroutes, issuers: this.#issuers };
  }

  #check(requirement: JwtRequirementEntry): JwtStatus {
    switch (requirement.kind) {
      case 'provider':
        return this.#checkProvider(requirement.provider, requirement.audiences);
      case 'any':
        return this.#checkAny(requirement);
      case 'all':
        return this.#checkAll(requirement.of);
      case 'optional':
        return this.#checkOptional(requirement);
      case 'nothing':
        return undefined;
    }
  }

  /** Source: Envoy, AnyVerifierImpl::onComplete: no token and a token of somebody else say less than any other failure. */
  #checkAny({ of, allows }: JwtRequirementEntry & { readonly kind: 'any' }): JwtStatus {
    let failure: JwtFailure = jwtFailures.missing;
    for (const one of of) {
      const status = this.#check(one);
      if (status === undefined) return undefined;
      const saysMore = status !== jwtFailures.missing && status !== jwtFailures.unknownIssuer;
      if (saysMore || failure === jwtFailures.missing) failure = status;
    }
    if (allows === 'missing or failed' || (allows === 'missing' && failure === jwtFailures.missing)) return undefined;
    return failure;
  }

  #checkAll(of: readonly JwtRequirementEntry[]): JwtStatus {
    for (const one of of) {
      const status = this.#check(one);
      if (status !== undefined) return status;
    }
    return undefined;
  }

  /** Of several tokens each must be good: nobody behind can tell which of them was looked at. The last one found is looked at first. */
  #checkProvider(provider: JwtProviderEntry, audiences: ReadonlySet<string>): JwtStatus {
    this.#remove(provider.ownHeaders);
    const tokens = tokensIn(this.#head, provider.locations);
    for (const found of tokens.toReversed()) {
      const verified = verifyFor(provider, found.text, audiences, this.#nowSeconds);
      if (typeof verified === 'string') return verified;
      this.#take(found, verified);
    }
    return tokens.length === 0 ? jwtFailures.missing : undefined;
  }

  /** Source: Envoy, AuthenticatorImpl::doneWithStatus with allow_missing: all tokens are looked at, and the last one's failure counts. */
  #checkOptional({ of, locations, allowsFailed }: JwtRequirementEntry & { readonly kind: 'optional' }): JwtStatus {
    for (const { ownHeaders } of of) this.#remove(ownHeaders);
    let status: JwtStatus;
    for (const found of tokensIn(this.#head, locations).toReversed()) {
      const looking = of.filter((provider) => looksAt(provider.locations, found.location));
      // Who looks there for a token of that issuer, and who verifies it, may be two.
      const choose = (issuer: string): JwtProviderEntry | undefined =>
        looking.some((provider) => provider.issuer === '' || provider.issuer === issuer)
          ? (of.find((provider) => provider.issuer === issuer) ?? of.find((provider) => provider.issuer === ''))
          : undefined;
      const verified = verifyBy(choose, found.text, (provider) => provider.audiences, this.#nowSeconds);
      status = typeof verified === 'string' ? verified : undefined;
      if (typeof verified !== 'string') this.#take(found, verified);
    }
    return allowsFailed ? undefined : status;
  }

  #remove(names: readonly string[]): void {
    for (const name of names) this.#head.remove(name);
  }

  #take(found: FoundToken, { provider, good }: Verified): void {
    const { fields } = good;
    for (let at = 0; at < fields.length; at += 2) this.#head.add(fields[at] ?? '', fields[at + 1] ?? '');
    if (!provider.forwards) removeToken(this.#head, found.location);
    if (good.metadata !== undefined) this.#metadata = this.#metadata === undefined ? good.metadata : { ...this.#metadata, ...good.metadata };
    if (provider.reroutes) this.#reroutes = true;
    this.#issuers.push(good.token.issuer);
  }
}
