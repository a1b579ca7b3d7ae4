import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { AppError } from '../../domain/errors.ts';

const host = '127.0.0.1';
const COMMAND_CHARACTERS = 100;
/** *Source:* Linux `include/net/tcp_states.h`, TCP_LISTEN. */
const LISTENING = '0A';

/** What a port is for, and the variable that changes it. */
export interface PortPurpose {
  /** Such as `the API`. */
  readonly name: string;
  /** Such as `LONGHAUL_API_PORT`. */
  readonly variable: string;
}

/** A port of the loopback interface that nobody listens on just now. */
export async function findFreePort(): Promise<number> {
  return listenOnce(0);
}

/**
 * Sees to it that a chosen port is free.
 *
 * @throws AppError `Config.Invalid` that names the port's holder and the variable to change.
 */
export async function requirePort(port: number, what: string | PortPurpose): Promise<void> {
  const { name, variable } = typeof what === 'string' ? { name: what, variable: null } : what;
  try {
    await listenOnce(port);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    const holder = code === 'EADDRINUSE' ? ((await describePortHolder(port)) ?? 'another process') : null;
    const problem = holder === null ? `cannot be opened (${String(error)})` : `is in use by ${holder}`;
    throw new AppError('Config.Invalid', {
      what: `port ${port} of ${name} ${problem}`,
      mend: `${holder === null ? 'Choose' : 'End that process, or choose'} another port${variable === null ? ` for ${name}` : ` with ${variable}=<port>`}.`,
      ...(variable === null ? {} : { field: variable }),
      cause: error,
    });
  }
}

/** Names the process that listens on a port, by id and command; null when nobody does, or this system does not tell. */
export async function describePortHolder(port: number): Promise<string | null> {
  const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => readListeners(table, port)));
  if (inodes.size === 0) return null;
  for (const entry of readNames('/proc')) {
    if (/^\d+$/.test(entry) && ownsSocket(entry, inodes)) return `process ${entry} (${readCommand(entry)})`;
  }
  return 'a process of another user';
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      const chosen = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(chosen));
    });
  });
}

/** Socket inodes that listen on the port. *Source:* proc(5), `/proc/net/tcp`. */
function readListeners(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readText(table).split('\n').slice(1);
  const columns = rows.map((row) => row.trim().split(/\s+/));
  return columns.filter((row) => row[1]?.endsWith(suffix) === true && row[3] === LISTENING).map((row) => row[9] ?? '');
}

function ownsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  const folder = `/proc/${pid}/fd`;
  return readNames(folder).some((descriptor) => {
    const inode = /^socket:\[(\d+)\]$/.exec(readLink(`${folder}/${descriptor}`))?.[1];
    return inode !== undefined && inodes.has(inode);
  });
}

function readCommand(pid: string): string {
  const command = readText(`/proc/${pid}/cmdline`).split('\0').join(' ').trim();
  return command.length > COMMAND_CHARACTERS ? `${command.slice(0, COMMAND_CHARACTERS)}…` : command;
}

/* A process may end while it is looked at, and others may not be looked at: both read as nothing. */
function readNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
