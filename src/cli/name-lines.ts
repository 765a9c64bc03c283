// What `heddle dns query` prints for people: the records, then why.
import type { NameReport } from '#admin/client/name-view.ts';
import type { Paint } from '#cli/style.ts';

const matches = {
  exact: 'by its whole name',
  short: 'by a short name',
  wildcard: 'by a wildcard',
  port: 'by a port of it',
  address: 'by its address',
} as const;

/** Lines without a newline at the end. */
export function nameLines({ workload, question, result, answers, host, steps, note }: NameReport, paint: Paint): string {
  const width = Math.max(0, ...answers.map(({ name }) => name.length));
  const records = answers.map(({ name, ttlSeconds, type, data }) => `${name.padEnd(width)}  ${ttlSeconds}  ${type.padEnd(5)} ${paint.good(data)}`);
  const lines = [...records];
  if (records.length === 0) lines.push(`${question.name} ${question.type}: ${paint.bad(result === 'found' ? 'no data' : words[result])}`);
  lines.push('', `${paint.strong('asked by')}  ${workload}`);
  if (host !== undefined) {
    const place = host.at === undefined ? '' : `  ${paint.dim(host.at)}`;
    const automatic = host.automatic === true ? ', at an automatic address' : '';
    lines.push(`${paint.strong('from')}      ${host.resource ?? host.name}${place}`, `          ${host.name}, ${matches[host.match]}${automatic}`);
    if (host.expandedFrom !== undefined) lines.push(`          the resolver's search domain is taken off again: ${host.expandedFrom} is meant`);
  }
  lines.push(
    ...steps.map(({ name, result: step, by }, index) => `${index === 0 ? paint.strong('tried') : '     '}     ${name}  ${paint.dim(told(step, by))}`),
  );
  if (note !== undefined) lines.push('', note);
  return lines.join('\n');
}

const words = { found: 'found', 'no such name': 'no such name', outside: 'not a name of the mesh, so name servers outside are asked' } as const;

function told(result: NameReport['result'], by: 'proxy' | 'node'): string {
  if (result === 'found') return `answered by the name server ${by === 'proxy' ? 'beside the app' : 'of the node'}`;
  return result === 'outside' ? 'forwarded outside' : 'no such name';
}
