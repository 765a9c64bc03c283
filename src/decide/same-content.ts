// What several places of one resource say alike, such as the policies of a workload in each of its filter chains, is read once and shared.
import type { Any } from '@bufbuild/protobuf/wkt';
import type { Problems } from '#decide/config-error.ts';

/** What was made for one resource, by what it was made for and of. Gone with the problems of that resource. */
const made = new WeakMap<Problems, Map<string, unknown>>();

/** Shorter contents are read sooner than they are found again. */
const worthwhileBytes = 1024;

/**
 * What `make` gives for the content of `any`; where `purpose` has made it of the same bytes in this resource before, without a problem, that.
 * One purpose always makes one type of value, which nobody changes.
 */
export function oncePerContent<Value>(purpose: string, any: Any, problems: Problems, make: () => Value): Value {
  const { typeUrl, value } = any;
  if (value.length < worthwhileBytes) return make();
  let known = made.get(problems);
  if (known === undefined) {
    known = new Map();
    made.set(problems, known);
  }
  const key = `${purpose} ${typeUrl} ${Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1')}`;
  // One maker per purpose: what comes out is what that maker put in.
  if (known.has(key)) return known.get(key) as Value;
  const problemsBefore = problems.errors.length;
  const content = make();
  if (problems.errors.length === problemsBefore) known.set(key, content);
  return content;
}
