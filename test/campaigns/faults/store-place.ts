import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AppError } from '../../../domain/errors.ts';
import { findFreePort } from '../../../infra/dev/ports.ts';
import { newKeys, startVersitygw } from '../../../infra/dev/toolchain/versitygw-server.ts';
import { ensureVersitygw } from '../../../infra/dev/toolchain/versitygw.ts';
import type { StoreConfig } from '../../../workers/compose/config.ts';
import { type FaultyProxy, startFaultyProxy } from '../../activities/storage/faulty-proxy.ts';
import type { CampaignContext } from '../support/campaign.ts';
import { createResident, type Resident } from './resident.ts';

const run = promisify(execFile);

/**
 * Where an arena keeps its objects: a folder · a folder on a file system of its own of so many MiB · a real S3 server · the same behind a
 * proxy that spoils requests.
 */
export type StoreChoice =
  | { readonly kind: 'directory' }
  | { readonly kind: 'small-disk'; readonly mib: number }
  | { readonly kind: 's3' }
  | { readonly kind: 'faulty-s3' };

/** A store, as the pools are told of it and as the checks reach it. */
export interface StorePlace {
  readonly env: Readonly<Record<string, string>>;
  /** Past the proxy. */
  readonly direct: StoreConfig;
  /** The folder in which the objects are, for those who fill it. */
  readonly directory: string;
  readonly proxy: FaultyProxy | null;
  /** The S3 server, which may be killed like everything else. */
  readonly server: Resident | null;
  readonly close: () => Promise<void>;
}

async function openSmallDisk(context: CampaignContext, mib: number): Promise<StorePlace> {
  const directory = join(context.directory, 'small-disk');
  await mkdir(directory);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${mib}m,mode=0755`, 'longhaul-campaign', directory]);
  } catch (cause) {
    throw new AppError('Config.Invalid', {
      what: 'a file system of its own could not be mounted for the store',
      mend: 'Run this campaign as root, where mounting a tmpfs is allowed.',
      cause,
    });
  }
  return {
    env: { LONGHAUL_STORE: `file:${directory}` },
    direct: { kind: 'directory', directory },
    directory,
    proxy: null,
    server: null,
    // Lazily: whatever still holds a file open does not keep the campaign from ending.
    close: async () => void (await run('umount', ['--lazy', directory])),
  };
}

async function openS3(context: CampaignContext, isFaulty: boolean): Promise<StorePlace> {
  const { path: binary } = await ensureVersitygw({ env: process.env, report: context.report });
  const directory = join(context.directory, 's3');
  await mkdir(directory);
  const port = await findFreePort();
  const keys = newKeys();
  const server = createResident('s3', () => startVersitygw({ binary, directory, port, keys }));
  await server.start();
  const bucket = 'longhaul';
  const endpoint = `http://127.0.0.1:${port}`;
  const proxy = isFaulty ? await startFaultyProxy(endpoint) : null;
  const keyEnv = {
    AWS_ACCESS_KEY_ID: keys.accessKey,
    AWS_SECRET_ACCESS_KEY: keys.secretKey,
    AWS_REGION: 'us-east-1',
  };
  // The client of the checks, in this process, reads its keys there.
  Object.assign(process.env, keyEnv);
  return {
    env: { ...keyEnv, LONGHAUL_STORE: `s3://${bucket}/campaign`, LONGHAUL_S3_ENDPOINT: proxy?.endpoint ?? endpoint },
    direct: { kind: 's3', bucket, prefix: 'campaign', endpoint },
    directory,
    proxy,
    server,
    close: async () => {
      await proxy?.close();
      await server.stop();
    },
  };
}

/** Opens a store of the kind asked for. @throws AppError `Config.Invalid` when this machine does not allow it */
export async function openStore(context: CampaignContext, choice: StoreChoice): Promise<StorePlace> {
  if (choice.kind === 'small-disk') return openSmallDisk(context, choice.mib);
  if (choice.kind !== 'directory') return openS3(context, choice.kind === 'faulty-s3');
  const directory = join(context.directory, 'store');
  return {
    env: { LONGHAUL_STORE: `file:${directory}` },
    direct: { kind: 'directory', directory },
    directory,
    proxy: null,
    server: null,
    close: async () => {},
  };
}
