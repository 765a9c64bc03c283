// Label selectors in their simplest form: every label that is asked for must be there with that value.

export type Labels = Readonly<Record<string, string>>;

/** Whether `labels` has all of `wanted`. An empty `wanted` matches everything; callers that mean "nothing" check first. */
export function labelsMatch(wanted: Labels, labels: Labels): boolean {
  for (const name in wanted) if (labels[name] !== wanted[name]) return false;
  return true;
}
