// Whether a regular expression is one that Envoy takes: RE2 syntax. Nothing is matched here.
import { RE2JS } from 're2js';

/** What is wrong with `pattern`, in a few words; undefined where it is valid. */
export function checkRegex(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : String(error);
  }
}
