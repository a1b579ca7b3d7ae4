import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findFreePort } from '../ports.ts';
import { startOwnedProcess, waitUntilReady } from './owned-process.ts';

const READY_MS = 20_000;

export interface VersitygwOptions {
  /** Path of versitygw. */
  readonly binary: string;
  /** Holds the buckets; made when it is not there. */
  readonly directory: string;
  /** Absent: a free one. */
  readonly port?: number;
  /** Absent: new ones. A server that is started again has its clients only with the keys it had. */
  readonly keys?: { readonly accessKey: string; readonly secretKey: string };
}

export interface VersitygwServer {
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** A bucket that is there. */
  readonly bucket: string;
  readonly pid: number;
  /** Settles once it is gone. */
  readonly exited: Promise<number | null>;
  /** Ends it and waits until it is gone. *Contract:* idempotent. */
  readonly stop: () => Promise<void>;
}

/** Starts an S3 server on a local folder, with keys of its own. @throws AppError `Engine.Unavailable` with the end of its log. */
export async function startVersitygw(options: VersitygwOptions): Promise<VersitygwServer> {
  const bucket = 'longhaul';
  const data = join(options.directory, 'buckets');
  await mkdir(join(data, bucket), { recursive: true });
  const port = options.port ?? (await findFreePort());
  const { accessKey, secretKey } = options.keys ?? newKeys();
  const endpoint = `http://127.0.0.1:${port}`;
  const processOptions = {
    title: 'the S3 server (versitygw)',
    command: options.binary,
    args: ['--port', `127.0.0.1:${port}`, '--health', '/healthz', '--quiet', 'posix', data],
    // The keys go by environment, because a command line can be read by every user of the machine.
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey },
    logFile: join(options.directory, 'versitygw.log'),
  };
  const owned = await startOwnedProcess(processOptions);
  await waitUntilReady(owned, processOptions, { isReady: () => isHealthy(endpoint), limitMs: READY_MS });
  return { endpoint, accessKey, secretKey, bucket, pid: owned.pid, exited: owned.exited, stop: owned.stop };
}

/** Keys for a server of our own. */
export function newKeys(): { readonly accessKey: string; readonly secretKey: string } {
  return { accessKey: randomBytes(10).toString('hex'), secretKey: randomBytes(20).toString('hex') };
}

async function isHealthy(endpoint: string): Promise<boolean> {
  try {
    const response = await fetch(`${endpoint}/healthz`, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok && response.headers.get('server') === 'VERSITYGW';
  } catch {
    return false;
  }
}
