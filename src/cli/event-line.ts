// One event of `heddle up` as lines for a person: what happened to whom, and what to do about it where something is wrong.
import type { UpEvent } from '#app/up/event.ts';
import { assertNever } from '#base/assert-never.ts';
import { compareDiagnostics, type Diagnostic, formatDiagnostic } from '#base/diagnostic.ts';
import { meshTable } from '#cli/mesh-table.ts';
import type { Paint } from '#cli/style.ts';

/** Lines without a newline at the end; '' for what is not worth a line. `isSettled`: the table has been shown, so changes are news. */
export function eventLines(event: UpEvent, paint: Paint, isSettled: boolean): string {
  switch (event.kind) {
    case 'starting':
      return isSettled ? `${paint.dim('start')}    ${place(event.workload, event.container)} ${paint.dim(event.command)}` : '';
    case 'ready':
      return isSettled ? `${paint.good('ready')}    ${event.workload} ${paint.dim(`after ${event.afterMs} ms`)}` : '';
    case 'unready':
      return isSettled ? `${paint.warn('unready')}  ${event.workload}: ${event.reason}` : '';
    case 'exited':
      return exitedLines(event, paint);
    case 'restarting':
      return `${paint.warn('restart')}  ${place(event.workload, event.container)} ${event.inMs === 0 ? 'now' : `in ${event.inMs / 1000} s`} (${event.restarts})`;
    case 'unlive':
      return `${paint.bad('unwell')}   ${place(event.workload, event.container)} is ended and started again: ${event.reason}`;
    case 'replacing':
      return `${paint.dim('replace')}  ${event.workload}: ${event.reason}`;
    case 'stopping':
      return `${paint.dim('stop')}     ${event.workload}`;
    case 'stopped':
      return event.forced
        ? `${paint.warn('killed')}   ${event.workload} did not end in time${killedOf(event.killed)}`
        : `${paint.dim('stopped')}  ${event.workload}`;
    case 'completed':
      return `${event.succeeded ? paint.good('done') : paint.bad('failed')}     ${event.workload}`;
    case 'notice':
      return `${paint.warn('note')}     ${event.workload}: ${event.message}${event.hint === undefined ? '' : `\n         ${event.hint}`}`;
    case 'diagnostics':
      return diagnosticLines(event.diagnostics, paint);
    case 'diagnostics gone':
      return event.diagnostics.map(({ code, message }) => `${paint.good('mended')}   [${code}] ${message}`).join('\n');
    case 'denied':
      return deniedLine(event, paint);
    case 'egress refused':
    case 'egress failed':
      return egressLine(event, paint);
    case 'network':
      return `${paint.warn('network')}  ${event.network}: ${event.reason}${event.hint === undefined ? '' : `\n         ${event.hint}`}`;
    case 'leftovers ended':
      return `${paint.warn('tidied')}   ended what an earlier start had left: ${event.names.join(', ')}`;
    case 'applied':
      return `${paint.warn('applied')}  ${event.resource}, from ${event.from}${event.instead === undefined ? '' : `, in place of ${event.instead}`}; until heddle delete`;
    case 'mesh ready':
      return readyLines(event, paint);
    case 'mesh waits':
      return waitingLines(event, paint);
    case 'configuration':
      return `${paint.good('changed')}  ${event.changed.map(changedName).join(', ')}`;
    default:
      return assertNever(event, 'event of heddle up');
  }
}

/** `egress refused: reviews-v1.default → 93.184.216.34:443 (--egress host allows it)` */
function egressLine(
  { kind, from, to, count, reason }: Extract<UpEvent, { readonly kind: 'egress refused' | 'egress failed' }>,
  paint: Paint,
): string {
  const times = count === 1 ? '' : ` (${count} times)`;
  return `${paint.warn(kind)}: ${from} → ${to}${times} ${paint.dim(`(${reason})`)}`;
}

/** `denied   web: POST shop.example.com/ from 127.0.0.1:1: no policy allows it: policy shop/viewers, rule 0: method is GET: it is POST (a.yaml:7:7)` */
function deniedLine({ workload, why, asked, at, more }: Extract<UpEvent, { readonly kind: 'denied' }>, paint: Paint): string {
  const who = more > 0 ? `${more} more: ` : asked === undefined ? '' : `${asked}: `;
  return `${paint.warn('denied')}   ${workload}: ${who}${why}${at === undefined ? '' : ` ${paint.dim(`(${at})`)}`}`;
}

/** All findings in order, errors in red; nothing for none. */
export function diagnosticLines(diagnostics: readonly Diagnostic[], paint: Paint): string {
  const colour = { error: paint.bad, warning: paint.warn, info: paint.dim };
  return diagnostics
    .toSorted(compareDiagnostics)
    .map((diagnostic) => formatDiagnostic(diagnostic).replace(`${diagnostic.severity} [`, `${colour[diagnostic.severity](diagnostic.severity)} [`))
    .join('\n');
}

function readyLines({ state, tryLine, afterMs }: Extract<UpEvent, { readonly kind: 'mesh ready' }>, paint: Paint): string {
  return [
    `\n${meshTable(state, paint)}`,
    ...(tryLine === undefined ? [] : [`try      ${paint.strong(tryLine)}`]),
    `\n${paint.good('ready')}    after ${(afterMs / 1000).toFixed(1)} s. Files are watched; Ctrl-C ends everything.`,
  ].join('\n');
}

function waitingLines({ state, waitingFor }: Extract<UpEvent, { readonly kind: 'mesh waits' }>, paint: Paint): string {
  return [
    `\n${meshTable(state, paint)}\n`,
    ...waitingFor.flatMap(({ workload, reason, hint }) => [
      `${paint.warn('waits')}    for ${workload}: ${reason}`,
      ...(hint === undefined ? [] : [`         ${paint.warn('hint')} ${hint}`]),
    ]),
    '         their output: heddle logs NAME',
  ].join('\n');
}

function exitedLines(event: Extract<UpEvent, { readonly kind: 'exited' }>, paint: Paint): string {
  const lines = [`${paint.bad('ended')}    ${place(event.workload, event.container)}: ${event.how}`];
  if (event.lastLines.length > 0) {
    lines.push(paint.dim(`         its last lines, from ${event.logFile}:`), ...event.lastLines.map((line) => `         ${paint.dim('|')} ${line}`));
  }
  if (event.hint !== undefined) lines.push(`         ${paint.warn('hint')} ${event.hint}`);
  return lines.join('\n');
}

/** Who did not listen. */
function killedOf(killed: readonly string[] = []): string {
  return killed.length === 0 ? '' : `: ${killed.join(', ')} went on after the signal to end (SIGTERM)`;
}

function place(workload: string, container: string): string {
  return `${workload} (${container})`;
}

/** `VirtualService/istio-system/hello` → `VirtualService istio-system/hello`. */
function changedName(id: string): string {
  return id.replace('/', ' ');
}
