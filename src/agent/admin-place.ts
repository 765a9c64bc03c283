// How the admin server of a proxy is reached from here.

/** `localAddress`: what to connect from, where that decides who answers. */
export type AdminPlace = { readonly host: string; readonly port: number; readonly localAddress?: string };
