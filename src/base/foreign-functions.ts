// Functions of the C library, for the little that Node has no call of its own for. Loaded where one is needed.

export type ForeignFunctions = ReturnType<typeof load>;

/** Undefined where this Node was built without it. */
export function foreignFunctions(): ForeignFunctions | undefined {
  try {
    return withoutWarning(load);
  } catch {
    return undefined;
  }
}

function load() {
  return process.getBuiltinModule('node:ffi');
}

/** That the module is an experiment is our concern, not that of whoever reads the log: Node warns of it as it is loaded, which happens in one step. */
function withoutWarning<T>(action: () => T): T {
  const own = Object.getOwnPropertyDescriptor(process, 'emitWarning');
  if (own === undefined) return action();
  Object.defineProperty(process, 'emitWarning', { ...own, value: () => {} });
  try {
    return action();
  } finally {
    Object.defineProperty(process, 'emitWarning', own);
  }
}
