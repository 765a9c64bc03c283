// A reporter for `node --test` that prints nothing a person reads: the counts of the whole run as one line of JSON, with the reasons
// of skipped tests and the names of all. scripts/test.js adds up the runs.

/** @param {AsyncIterable<{ type: string, data: any }>} events */
export default async function* tally(events) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  /** @type {Record<string, number>} */
  const reasons = {};
  /** @type {string[]} */
  const names = [];
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite') continue;
    names.push(data.name);
    if (data.skip !== undefined && data.skip !== false) {
      counts.skipped += 1;
      const reason = data.skip === true || data.skip === '' ? 'no reason given' : data.skip;
      reasons[reason] = (reasons[reason] ?? 0) + 1;
    } else if (type === 'test:fail' && data.todo === undefined) counts.failed += 1;
    else counts.passed += 1;
  }
  yield `${JSON.stringify({ ...counts, reasons, names })}\n`;
}
