import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainingLocalReply } from '#compile/local-reply.ts';

test('who is denied is not told which policy did it: that stands in the details', () => {
  const formats = explainingLocalReply().mappers.map(({ filter, bodyFormatOverride }) => {
    const ofStatus = filter?.filterSpecifier.case === 'statusCodeFilter' ? filter.filterSpecifier.value.comparison?.value?.defaultValue : undefined;
    const source = bodyFormatOverride?.format.case === 'textFormatSource' ? bodyFormatOverride.format.value.specifier : undefined;
    return { ofStatus, tellsDetails: source?.case === 'inlineString' && source.value.includes('%RESPONSE_CODE_DETAILS%') };
  });
  const denied = formats.findIndex(({ ofStatus }) => ofStatus === 403);
  const explained = formats.findIndex(({ tellsDetails }) => tellsDetails);
  assert.ok(denied !== -1 && denied < explained, 'the first that fits makes the body');
});
