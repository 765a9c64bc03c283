// The conditions of the Gateway API's resources as people read them: a line for each resource, listener and parent, what is well in a word, and
// what is not with its reason and its place.
import type { Analysis } from '#app/analyze-files.ts';
import { formatOrigin } from '#base/origin.ts';
import type { Paint } from '#cli/style.ts';

type Status = Analysis['conditions'][number];
type Condition = Status['conditions'][number];

/** Lines without a newline at the end; '' where there is nothing to show. */
export function conditionTable(statuses: Analysis['conditions'], paint: Paint): string {
  if (statuses.length === 0) return '';
  const rows = statuses.flatMap(rowsOf);
  const width = Math.max(...rows.map(({ title }) => title.length), 'GATEWAY API'.length);
  const lines = rows.map(({ title, conditions }) =>
    `${title.padEnd(width)}  ${conditions.flatMap((one) => conditionText(one, paint)).join(', ')}`.trimEnd(),
  );
  return [`${paint.dim('GATEWAY API'.padEnd(width))}  ${paint.dim('CONDITIONS')}`, ...lines].join('\n');
}

type Row = { readonly title: string; readonly conditions: readonly Condition[] };

function rowsOf({ kind, namespace, name, conditions, listeners = [], parents = [] }: Status): readonly Row[] {
  const resource = `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`;
  return [
    { title: resource, conditions },
    ...listeners.map((listener) => ({ title: `  listener ${listener.name}, ${routes(listener.attachedRoutes)}`, conditions: listener.conditions })),
    ...parents.map((parent) => ({ title: `  ${parent.parent}`, conditions: parent.conditions })),
  ];
}

function routes(count: number): string {
  return count === 1 ? '1 route' : `${count} routes`;
}

/** Most conditions are good when true; these two when false, and are not worth a word then. */
function conditionText({ type, status, reason, at }: Condition, paint: Paint): readonly string[] {
  const isGoodFalse = type === 'Conflicted' || type === 'PartiallyInvalid';
  if (isGoodFalse && status === 'False') return [];
  if (!isGoodFalse && status === 'True') return [paint.good(type)];
  const place = at === undefined ? '' : paint.dim(` (${formatOrigin(at)})`);
  return [`${paint.bad(isGoodFalse ? type : `not ${type}`)}: ${reason}${place}`];
}
