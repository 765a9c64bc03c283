// Certificates of the mesh's credentials that are out of their time, or soon will be: whoever asks them is refused by clients, while everything else
// looks well. Found when the mesh changes and when the time comes.
import type { Clock } from '#base/clock.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { certificatesIn } from '#model/build/credential-checks.ts';
import type { Credential } from '#model/credential.ts';

const dayMs = 86_400_000;

/** How long before its end a certificate is named. */
const noticeMs = 7 * dayMs;

/** `nextMs`: when something else is to be said, if nothing changes before; Infinity: never. */
export type CertificateAges = { readonly diagnostics: readonly Diagnostic[]; readonly nextMs: number };

/** HDL0081 for each certificate that is served, and for roots of which none is good. */
export function certificateAges(credentials: Iterable<Credential>, nowMs: number): CertificateAges {
  const ages = [...credentials].flatMap((credential) => agesOf(credential, nowMs));
  return {
    diagnostics: ages.flatMap(({ diagnostic }) => diagnostic ?? []),
    nextMs: Math.min(...ages.flatMap(({ changesMs }) => changesMs.filter((atMs) => atMs > nowMs)), Number.POSITIVE_INFINITY),
  };
}

type Age = { readonly diagnostic?: Diagnostic; readonly changesMs: readonly number[] };
type Span = { readonly fromMs: number; readonly untilMs: number };

function agesOf(credential: Credential, nowMs: number): readonly Age[] {
  return spansOfCredential(credential).map(({ what, span }) => ageOf(credential, what, span, nowMs));
}

type NamedSpan = { readonly what: string; readonly span: Span };

/** Certificates are read once, not at each change of the mesh. */
const knownSpans = new WeakMap<Credential, readonly NamedSpan[]>();

function spansOfCredential(credential: Credential): readonly NamedSpan[] {
  let known = knownSpans.get(credential);
  if (known === undefined) {
    known = readSpans(credential);
    knownSpans.set(credential, known);
  }
  return known;
}

function readSpans({ keyPair, roots }: Credential): readonly NamedSpan[] {
  const [served] = keyPair === undefined ? [] : spansOf(keyPair.chain);
  const spans = roots === undefined ? [] : spansOf(roots);
  // The root that lasts longest, so that two may stand side by side while one is replaced.
  const lasting = spans.toSorted((a, b) => b.untilMs - a.untilMs)[0];
  return [
    ...(served === undefined ? [] : [{ what: 'its certificate', span: served }]),
    ...(lasting === undefined ? [] : [{ what: spans.length > 1 ? 'the last of its roots' : 'its root', span: lasting }]),
  ];
}

function spansOf(pem: string): readonly Span[] {
  return certificatesIn(pem).map(({ validFromDate, validToDate }) => ({ fromMs: validFromDate.getTime(), untilMs: validToDate.getTime() }));
}

function ageOf(credential: Credential, what: string, { fromMs, untilMs }: Span, nowMs: number): Age {
  const changesMs = [fromMs, untilMs - noticeMs, untilMs];
  const isShort = untilMs - fromMs <= 2 * noticeMs;
  const how =
    nowMs >= untilMs
      ? `expired on ${day(untilMs)}`
      : nowMs < fromMs
        ? `is not valid before ${day(fromMs)}`
        : !isShort && nowMs >= untilMs - noticeMs
          ? `expires on ${day(untilMs)}`
          : undefined;
  if (how === undefined) return { changesMs };
  const { kind, namespace, name, origin: at } = credential;
  const title = `${kind === 'secret' ? 'Secret' : 'ConfigMap'} ${namespace}/${name}`;
  const hint =
    nowMs < fromMs ? 'look at the clock of this machine, or take another certificate' : 'renew it: a new one is in use from the next connection on';
  return { changesMs, diagnostic: { code: 'HDL0081', severity: 'warning', message: `${title}: ${what} ${how}`, hint, at } };
}

function day(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

/** What is watched: a mesh that changes. */
type Watched = { readonly credentials: () => Iterable<Credential>; readonly onChange: (listener: () => void) => () => void };

/** The findings of this moment, told anew when the moment has passed. */
export class CertificateWatch implements Disposable {
  readonly #watched: Watched;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  readonly #stop: () => void;
  #cancel: () => void = () => {};

  constructor(watched: Watched, clock: Clock) {
    this.#watched = watched;
    this.#clock = clock;
    this.#stop = watched.onChange(() => this.#plan());
    this.#plan();
  }

  diagnostics(): readonly Diagnostic[] {
    return certificateAges(this.#watched.credentials(), this.#clock.nowMs()).diagnostics;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  [Symbol.dispose](): void {
    this.#stop();
    this.#cancel();
    this.#listeners.clear();
  }

  #plan(): void {
    this.#cancel();
    this.#cancel = () => {};
    const nowMs = this.#clock.nowMs();
    const { nextMs } = certificateAges(this.#watched.credentials(), nowMs);
    if (nextMs === Number.POSITIVE_INFINITY) return;
    // Timers cannot wait longer than some weeks, and clocks of laptops jump.
    this.#cancel = this.#clock.after(Math.min(nextMs - nowMs, dayMs), () => {
      for (const listener of this.#listeners) listener();
      this.#plan();
    });
  }
}
