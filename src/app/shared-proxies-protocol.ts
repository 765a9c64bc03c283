// What passes between a mesh and the process that runs the proxies of several pods: the orders that a process of its own gets by being started, by its
// command line and by signals. Nothing of configuration: that is xDS.

export type SharedProxyOrder =
  /** With the handle of a socket of the host: for the proxy of this number, before its start. */
  | { readonly kind: 'host socket'; readonly id: number; readonly port: number }
  | {
      readonly kind: 'start';
      readonly id: number;
      readonly args: readonly string[];
      /** What it writes otherwise to its standard streams. */
      readonly logFile: string;
      /** The way into the network that it serves; undefined: that of the process. */
      readonly namespace?: string | undefined;
    }
  /** As by SIGTERM: it drains and ends. */
  | { readonly kind: 'end'; readonly id: number }
  /** As by SIGKILL: it waits for nothing. */
  | { readonly kind: 'cut'; readonly id: number };

export type SharedProxyNews =
  | { readonly kind: 'ready'; readonly id: number }
  /** `code`: as its process would exit with. */
  | { readonly kind: 'ended'; readonly id: number; readonly code: number };
