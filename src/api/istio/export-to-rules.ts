// What Istio demands of an exportTo list. Source: Istio, validateExportTo.
import { type Finding, invalid, type Path } from '#api/finding.ts';

const namespaceName = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

/** `isServiceEntry`: there `~` may stand, alone, for nobody. */
export function checkExportTo(exportTo: readonly string[], path: Path, { isServiceEntry }: { readonly isServiceEntry: boolean }): readonly Finding[] {
  const findings = exportTo.flatMap((entry, index): readonly Finding[] => {
    const at = [...path, index];
    if (exportTo.indexOf(entry) !== index) return [invalid(at, 'value', `${entry} stands in exportTo twice`)];
    const isKnown = entry === '*' || entry === '.' || (entry === '~' && isServiceEntry) || namespaceName.test(entry);
    return isKnown ? [] : [invalid(at, 'value', `${JSON.stringify(entry)} is none of "*", "." and a namespace`)];
  });
  if (exportTo.length > 1 && exportTo.includes('*')) findings.push(invalid(path, 'key', '"*" exports to everybody, so it stands alone'));
  if (exportTo.length > 1 && exportTo.includes('~')) findings.push(invalid(path, 'key', '"~" exports to nobody, so it stands alone'));
  return findings;
}
