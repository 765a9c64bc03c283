// headers_to_add and headers_to_remove of one level (route, virtual host, route configuration, weighted cluster), compiled; and the levels joined.

import type { Problems } from '#decide/config-error.ts';
import { compileHeaderFormat } from '#decide/header-format.ts';
import { type HeaderMode, type HeaderOperation, type HeaderOperations, noHeaderOperations } from '#decide/header-operations.ts';
import { type HeaderValueOption, HeaderValueOption_HeaderAppendAction } from '#envoy/gen/envoy/config/core/v3/base_pb.js';

/** Removals come first (HeaderParser::evaluateHeaders), then overwrites, then additions. `at` is the field path of the owner, with its dot. */
export function compileHeaderLevel(
  direction: 'request' | 'response',
  add: readonly HeaderValueOption[],
  remove: readonly string[],
  at: string,
  problems: Problems,
): HeaderOperations {
  if (add.length === 0 && remove.length === 0) return noHeaderOperations;
  const removals = remove.map((written, index): HeaderOperation => {
    const name = written.toLowerCase();
    if (name === 'host' || name.startsWith(':')) problems.report(`${at}${direction}_headers_to_remove[${index}]`, `${written} may not be removed`);
    return { kind: 'remove', name };
  });
  const settings = add.map((option, index) => compileSetting(option, `${at}${direction}_headers_to_add[${index}]`, problems));
  const overwrites = settings.filter(isOverwrite);
  return [...removals, ...overwrites, ...settings.filter((setting) => !isOverwrite(setting))];
}

function isOverwrite(operation: HeaderOperation): boolean {
  return operation.kind === 'set' && (operation.mode === 'overwrite' || operation.mode === 'overwrite-if-exists');
}

function compileSetting(option: HeaderValueOption, field: string, problems: Problems): HeaderOperation {
  const name = (option.header?.key ?? '').toLowerCase();
  if (name === '') problems.report(`${field}.header.key`, 'a header name is required');
  if (name === 'host' || name.startsWith(':')) problems.report(`${field}.header.key`, `${name} may not be set here`);
  const raw = option.header?.rawValue;
  const written = raw !== undefined && raw.length > 0 ? new TextDecoder().decode(raw) : (option.header?.value ?? '');
  return {
    kind: 'set',
    name,
    value: compileHeaderFormat(written, `${field}.header.value`, problems),
    mode: modeOf(option),
    keepEmptyValue: option.keepEmptyValue,
  };
}

/** The deprecated `append` wins where it is set. */
function modeOf(option: HeaderValueOption): HeaderMode {
  if (option.append !== undefined) return option.append ? 'append' : 'overwrite';
  return modes[option.appendAction];
}

const modes: Readonly<Record<HeaderValueOption_HeaderAppendAction, HeaderMode>> = {
  [HeaderValueOption_HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD]: 'append',
  [HeaderValueOption_HeaderAppendAction.ADD_IF_ABSENT]: 'add-if-absent',
  [HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD]: 'overwrite',
  [HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS]: 'overwrite-if-exists',
};

/** Levels from the most specific on. Later ones win; Envoy runs the least specific last unless most_specific_header_mutations_wins. */
export function joinLevels(levels: readonly HeaderOperations[], mostSpecificWins: boolean): HeaderOperations {
  const filled = levels.filter((level) => level.length > 0);
  const [only] = filled;
  if (only === undefined) return noHeaderOperations;
  if (filled.length === 1) return only;
  return (mostSpecificWins ? filled.toReversed() : filled).flat();
}
