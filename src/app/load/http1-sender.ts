// Requests over HTTP/1.1: one at a time on each of so many connections, which are kept.
import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest, Agent as SecureAgent } from 'node:https';
import { cutShortReason, failureReason, noAnswerReason } from '#app/load/failure-reason.ts';
import type { Sender } from '#app/load/generator.ts';
import type { LoadPlan } from '#app/load/load-plan.ts';
import type { Outcome } from '#app/load/tally.ts';
import type { Clock } from '#base/clock.ts';

export function http1Sender(plan: LoadPlan, clock: Pick<Clock, 'after'>): Sender {
  const options = { keepAlive: true, maxSockets: plan.connections, maxFreeSockets: plan.connections };
  const isSecure = plan.url.startsWith('https:');
  const agent = isSecure ? new SecureAgent({ ...options, rejectUnauthorized: plan.verify }) : new Agent(options);
  const request = isSecure ? httpsRequest : httpRequest;
  const asked: RequestOptions = { ...placeOf(plan), method: plan.method, agent, headers: headersOf(plan) };
  let out = 0;
  const send = (done: (outcome: Outcome) => void): void => {
    out += 1;
    let isDone = false;
    const finish = (outcome: Outcome): void => {
      if (isDone) return;
      isDone = true;
      cancel();
      out -= 1;
      done(outcome);
    };
    const outgoing = request(asked, (answer) => readAnswer(answer, finish));
    const cancel = clock.after(plan.timeoutMs, () => {
      finish({ kind: 'failure', reason: noAnswerReason });
      outgoing.destroy();
    });
    outgoing.on('error', (error) => finish({ kind: 'failure', reason: failureReason(error) }));
    outgoing.end(plan.body);
  };
  return { free: () => plan.connections - out, send, close: () => agent.destroy() };
}

function readAnswer(answer: IncomingMessage, finish: (outcome: Outcome) => void): void {
  const status = answer.statusCode ?? 0;
  let bytes = 0;
  answer.on('data', (part: Buffer) => (bytes += part.length));
  answer.on('end', () => finish({ kind: 'answer', label: String(status), isGood: status >= 200 && status < 400, bytes }));
  answer.on('error', () => finish({ kind: 'failure', reason: cutShortReason }));
}

/** Where to connect, and what is asked there: of a proxy the whole URL (RFC 9112, 3.2.2). */
function placeOf({ url, proxy }: LoadPlan): RequestOptions {
  const { hostname, port, pathname, search } = new URL(proxy ?? url);
  const host = hostname.replace(/^\[|\]$/g, '');
  return { host, ...(port !== '' && { port }), path: proxy === undefined ? `${pathname}${search}` : url };
}

function headersOf({ url, headers, body }: LoadPlan): Readonly<Record<string, string | number>> {
  return { host: new URL(url).host, ...headers, ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }) };
}
