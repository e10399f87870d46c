import { readdir, readFile, readlink } from 'node:fs/promises';

/** How many connections to `port` over IPv4 a process has accepted and holds. Linux only. */
export async function acceptedConnections(pid: number, port: number): Promise<number> {
  const links = await Promise.all(
    (await readdir(`/proc/${pid}/fd`)).map(
      (fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''), // closed in the meantime
    ),
  );
  const inodes = new Set(links.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]));
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = (await readFile('/proc/net/tcp', 'utf8')).split('\n').slice(1);
  return rows.filter((row) => {
    const fields = row.trim().split(/\s+/);
    return fields[1]?.endsWith(local) === true && fields[3] === '01' && inodes.has(fields[9]);
  }).length;
}
