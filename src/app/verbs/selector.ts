// A label selector as kubectl's -l takes it: `app=a,version!=v1,env in (x,y),tier notin (z),owner,!old`. In: its text. Out: a test of labels.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
import { failed, ok, type Result } from '#base/result.ts';

type Labels = Readonly<Record<string, string>>;
export type LabelTest = (labels: Labels) => boolean;

/** The failure is the part that cannot be read. */
export function readSelector(text: string): Result<LabelTest, string> {
  const tests: LabelTest[] = [];
  for (const part of splitParts(text)) {
    const test = readPart(part.trim());
    if (test === undefined) return failed(part.trim());
    tests.push(test);
  }
  return ok((labels) => tests.every((test) => test(labels)));
}

/** At commas that stand in no brackets. */
function splitParts(text: string): readonly string[] {
  return text.split(/,(?![^(]*\))/);
}

const key = '[A-Za-z0-9](?:[\\w./-]*[A-Za-z0-9])?';

function readPart(part: string): LabelTest | undefined {
  const sets = new RegExp(`^(${key})\\s+(in|notin)\\s*\\(([^()]*)\\)$`).exec(part);
  if (sets !== null) {
    const [, name = '', how, list = ''] = sets;
    const values = list.split(',').map((value) => value.trim());
    return how === 'in' ? (labels) => values.includes(labels[name] ?? '\0') : (labels) => !values.includes(labels[name] ?? '\0');
  }
  const equal = new RegExp(`^(${key})\\s*(==|=|!=)\\s*([\\w.-]*)$`).exec(part);
  if (equal !== null) {
    const [, name = '', how, value = ''] = equal;
    return how === '!=' ? (labels) => labels[name] !== value : (labels) => labels[name] === value;
  }
  const exists = new RegExp(`^(!?)\\s*(${key})$`).exec(part);
  if (exists === null) return undefined;
  const [, not, name = ''] = exists;
  return (labels) => (labels[name] === undefined) === (not === '!');
}
