// The JWT filter at work on one request: which tokens it carries, whether they satisfy what is required, and what becomes of the request. Pure, but
// for the tokens that a provider remembers as good.
import type { JsonObject } from '@bufbuild/protobuf';
import type { JwtEntry, JwtProviderEntry, JwtRequirementEntry } from '#decide/jwt-entry.ts';
import { type JwtFailure, type JwtStatus, jwtFailures } from '#decide/jwt-failure.ts';
import { type HeadChanges, JwtHead } from '#decide/jwt-head.ts';
import { type FoundToken, removeToken, tokensIn } from '#decide/jwt-location.ts';
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

const untouched: JwtResult = { failure: undefined, changes: undefined, metadata: undefined, reroutes: false, issuers: [] };

/** `nowMs`: since the epoch. */
export function runJwt(entry: JwtEntry, request: RequestView, nowMs: number): JwtResult {
  if (entry.passesPreflights && isPreflight(request)) return untouched;
  const path = pathOnly(request.path);
  const rule = entry.rules.find(({ match }) => pathMatches(match.path, path, request.method) && othersHold(match, request, 0));
  if (rule === undefined || rule.requires.kind === 'nothing') return untouched;
  return new JwtRun(request, Math.floor(nowMs / 1000)).result(rule.requires);
}

function isPreflight({ method, header }: RequestView): boolean {
  return method === 'OPTIONS' && (header('origin') ?? '') !== '' && (header('access-control-request-method') ?? '') !== '';
}

class JwtRun {
  readonly #head: JwtHead;
  readonly #nowSeconds: number;
  #metadata: JsonObject | undefined = undefined;
  #reroutes = false;
  readonly #issuers: string[] = [];

  constructor(request: RequestView, nowSeconds: number) {
    this.#head = new JwtHead(request);
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
    this.#removeOwn(provider);
    const tokens = tokensIn(this.#head, provider.locations);
    for (const found of tokens.toReversed()) {
      const verified = verifyFor(provider, found.text, audiences, this.#nowSeconds);
      if (typeof verified === 'string') return verified;
      this.#take(found, verified);
    }
    return tokens.length === 0 ? jwtFailures.missing : undefined;
  }

  /** Source: Envoy, AuthenticatorImpl::doneWithStatus with allow_missing: all tokens are looked at, and the last one's failure counts. */
  #checkOptional({ of, allowsFailed }: JwtRequirementEntry & { readonly kind: 'optional' }): JwtStatus {
    for (const provider of of) this.#removeOwn(provider);
    const places = new Map<string, FoundToken & { readonly providers: JwtProviderEntry[] }>();
    for (const provider of of) {
      for (const found of tokensIn(this.#head, provider.locations)) {
        const key = `${JSON.stringify(found.location)} ${found.text}`;
        const known = places.get(key);
        if (known === undefined) places.set(key, { ...found, providers: [provider] });
        else known.providers.push(provider);
      }
    }
    let status: JwtStatus;
    for (const found of [...places.values()].reverse()) {
      const choose = (issuer: string): JwtProviderEntry | undefined =>
        found.providers.find((provider) => provider.issuer === issuer) ?? found.providers.find((provider) => provider.issuer === '');
      const verified = verifyBy(choose, found.text, (provider) => provider.audiences, this.#nowSeconds);
      status = typeof verified === 'string' ? verified : undefined;
      if (typeof verified !== 'string') this.#take(found, verified);
    }
    return allowsFailed ? undefined : status;
  }

  #removeOwn({ ownHeaders }: JwtProviderEntry): void {
    for (const name of ownHeaders) this.#head.remove(name);
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
