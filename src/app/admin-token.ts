// The token of the admin API of `heddle up`: the user's, or one that is made for this run, in a file of the state folder that only its owner can read. It is
// printed nowhere; commands of the same user find it there.
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AdminTarget } from '#admin/client/client.ts';
import { adminCertificateFile, adminTokenFile } from '#admin/client/protocols.ts';
import type { AdminDoor } from '#admin/door.ts';
import { SecretText } from '#base/secret-text.ts';
import { writeWhole } from '#ca/folder/private-file.ts';

/** The same door with a token, which is written down until `forget` is called. `folder` is there. */
export function doorWithToken(door: AdminDoor, folder: string): { readonly door: AdminDoor; readonly forget: () => void } {
  const token = door.token ?? new SecretText(randomBytes(32).toString('hex'));
  writeWhole(folder, adminTokenFile, `${token.reveal()}\n`);
  // The first of the chain is its own; the commands of this machine believe this one alone.
  if (door.tls !== undefined) writeWhole(folder, adminCertificateFile, door.tls.certificate);
  const forget = (): void => {
    for (const name of [adminTokenFile, adminCertificateFile]) rmSync(join(folder, name), { force: true });
  };
  return { door: { ...door, token }, forget };
}

/** Where the admin API of the mesh of a state folder answers, and how it is asked. Without the token it can only be read. */
export function adminTarget(folder: string, url: string): AdminTarget {
  const token = textOf(join(folder, adminTokenFile))?.trim();
  const certificate = url.startsWith('https:') ? textOf(join(folder, adminCertificateFile)) : undefined;
  return { url: reachable(url), ...(token !== undefined && { token: new SecretText(token) }), ...(certificate !== undefined && { certificate }) };
}

/** An admin API on all addresses of this machine is asked by one of them. */
function reachable(url: string): string {
  return url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
