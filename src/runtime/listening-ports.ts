// On which TCP ports the processes of a group listen, so that a probe of another port can be answered with the right one. Linux; elsewhere unknown.
// Asked by way of one process of the group: its network is the pod's, whichever that is.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Ascending; none where nothing listens or it cannot be found out. `pid`: the leader of the process group. */
export function listeningPorts(pid: number): readonly number[] {
  try {
    const held = new Set(groupOf(pid).flatMap(socketsOf));
    const ports = ['tcp', 'tcp6'].flatMap((table) => listeners(`/proc/${pid}/net/${table}`)).filter(({ inode }) => held.has(inode));
    return [...new Set(ports.map(({ port }) => port))].sort((a, b) => a - b);
  } catch {
    return [];
  }
}

/** Sockets in state LISTEN (0A): proc(5), /proc/net/tcp. */
function listeners(table: string): readonly { readonly port: number; readonly inode: string }[] {
  return readFileSync(table, 'utf8')
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      const port = Number.parseInt(fields[1]?.split(':').at(-1) ?? '', 16);
      return fields[3] === '0A' && fields[9] !== undefined ? [{ port, inode: fields[9] }] : [];
    });
}

/** /proc/PID/stat, field 5: the process group. */
function groupOf(pid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((one) => {
      try {
        const stat = readFileSync(`/proc/${one}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) === pid;
      } catch {
        return false;
      }
    });
}

function socketsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1] ?? [];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}
