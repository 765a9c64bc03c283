// Why a program ended, as far as its last lines tell: the causes that come from running several pods on one machine.

/**
 * A hint for the end of an application; undefined where the lines name no known cause. `port`: what it was told to listen on; `isAlone`: its pod has
 * an address of its own.
 */
export function hintForEnd(lastLines: readonly string[], port: number | undefined, isAlone = false): string | undefined {
  const text = lastLines.join('\n');
  // What the shell or `unshare`, which start a program in a pod, say where there is no such program.
  const unknown = /(?:exec: (\S+): not found|failed to execute (\S+): No such file)/.exec(text);
  if (unknown !== null) return `there is no program ${unknown[1] ?? unknown[2]} on PATH, or in the folder of heddle.yaml`;
  if (/EADDRINUSE|address already in use|Address in use|port is already allocated|bind: .*in use|Only one usage of each socket/i.test(text)) {
    const taken = /(?:in use|EADDRINUSE).*[: ](\d{2,5})\b/i.exec(text)?.[1] ?? /port:? (\d{2,5})\b/i.exec(text)?.[1];
    const which = taken === undefined ? 'The port it wants' : `Port ${taken}, which it wants,`;
    if (isAlone) return `${which} is taken in its own pod: by another container of it, or by its proxy, which has some ports from 15000 to 15090`;
    return `${which} is taken. All pods share 127.0.0.1 here: let the program listen on the port in the variable PORT${port === undefined ? '' : ` (${port})`}, or put $(PORT) into its command`;
  }
  if (/ERR_MODULE_NOT_FOUND|Cannot find module|No such file or directory|can't open file/.test(text)) {
    return 'a file is missing: the command runs in the folder of heddle.yaml, or in its cwd';
  }
  return undefined;
}
