// The library that writes certificates, loaded when the first one is to be written: proxies and most commands never need it.
import { webcrypto } from 'node:crypto';
import type * as x509 from '@peculiar/x509';

export type X509Library = typeof x509;

let library: Promise<X509Library> | undefined;

/** The same promise each time. */
export function loadX509(): Promise<X509Library> {
  library ??= load();
  return library;
}

async function load(): Promise<X509Library> {
  // The library's decorators look for it while they are loaded.
  await import('reflect-metadata');
  const loaded = await import('@peculiar/x509');
  loaded.cryptoProvider.set(webcrypto);
  return loaded;
}
