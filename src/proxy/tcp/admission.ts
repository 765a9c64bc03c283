// Whether a connection may be: its chain's network filters, with the external authorisers among them asked. Until that is settled nothing is read.
import type { Socket } from 'node:net';
import { applyConnectionCheck, type ConnectionDenial, noConnectionEffects, runConnectionFilters } from '#decide/connection-decision.ts';
import type { ExtAuthzEntry } from '#decide/ext-authz-entry.ts';
import type { CheckAnswer } from '#decide/ext-authz-filter.ts';
import type { NetworkFilterEntry } from '#decide/listener-entry.ts';
import type { CountRbac } from '#decide/rbac-filter.ts';
import type { ConnectionView } from '#decide/views.ts';
import type { ExtAuthzCall } from '#proxy/ext-authz-call.ts';
import type { DownstreamConnection } from '#proxy/http/stream.ts';
import { Timer, type TimerWheel } from '#proxy/timer-wheel.ts';
import type { Clusters } from '#proxy/upstream/clusters.ts';

export type AdmissionParts = {
  readonly clusters: Clusters;
  readonly wheel: TimerWheel;
  readonly nowMs: () => number;
  readonly countRbac: CountRbac;
};

export type Applicant = { readonly socket: Socket; readonly connection: DownstreamConnection; readonly view: ConnectionView };

/** `done` is called once, at once where nobody has to be asked, and never where the client goes before the answer comes. */
export function admit(
  filters: readonly NetworkFilterEntry[],
  applicant: Applicant,
  parts: AdmissionParts,
  done: (denial: ConnectionDenial | undefined) => void,
): void {
  const effects = noConnectionEffects();
  const go = (from: number): void => {
    const verdict = runConnectionFilters(filters, from, applicant.view, effects, parts.countRbac);
    if (verdict.kind === 'pass') return done(undefined);
    if (verdict.kind === 'denied') return deny(verdict.denial, applicant.socket, parts.wheel, done);
    const { authz, next } = verdict;
    ask(authz, applicant, parts, (answer, durationMs) => {
      const denial = applyConnectionCheck(authz, answer, effects, durationMs);
      if (denial === undefined) go(next);
      else done(denial);
    });
  };
  go(0);
}

/** A denied client may have to wait for the end; nothing of what it says meanwhile is read. */
function deny(denial: ConnectionDenial, socket: Socket, wheel: TimerWheel, done: (denial: ConnectionDenial) => void): void {
  if (denial.delayMs === 0) return done(denial);
  const end = (): void => {
    timer.release();
    socket.off('close', end);
    done(denial);
  };
  const timer = new Timer(wheel, { onTimer: end });
  timer.arm(denial.delayMs);
  socket.on('error', ignoreError);
  socket.on('close', end);
}

function ask(
  authz: ExtAuthzEntry,
  { socket, connection, view }: Applicant,
  { clusters, wheel, nowMs }: AdmissionParts,
  onAnswer: (answer: CheckAnswer, durationMs: number) => void,
): void {
  let call: ExtAuthzCall | undefined;
  const onClose = (): void => call?.cancel();
  socket.once('close', onClose);
  socket.on('error', ignoreError);
  const { facts, peerPem } = connection;
  // Few proxies ask anybody: what asking takes is loaded when one does.
  void import('#proxy/ext-authz-call.ts').then(({ ExtAuthzCall: Call }) => {
    if (socket.destroyed) return;
    call = new Call({
      clusters,
      wheel,
      nowMs,
      authz,
      connection: { ...view, localPrincipal: facts.localUriSans[0] ?? '', peerPem },
      request: undefined,
      view: () => {
        throw new Error('a question about a connection has no added headers');
      },
      onAnswer: (answer, durationMs) => {
        socket.off('close', onClose);
        socket.off('error', ignoreError);
        if (!socket.destroyed) onAnswer(answer, durationMs);
      },
    });
    call.start();
  });
}

function ignoreError(): void {
  // 'close' follows.
}
