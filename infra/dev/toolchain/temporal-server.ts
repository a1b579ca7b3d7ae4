import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { Connection } from '@temporalio/client';
import { AppError } from '../../../domain/errors.ts';
import { findFreePort } from '../ports.ts';
import { type FileLock, takeFileLock } from './file-lock.ts';
import { probeTool } from './find-tool.ts';
import { type OwnedProcess, startOwnedProcess, waitUntilReady } from './owned-process.ts';
import { temporalRecipe } from './temporal.ts';

const READY_MS = 60_000;

/** Search attributes of a run, by name, with their types as the server's command line spells them. */
export const searchAttributes = {
  LonghaulStatus: 'Keyword',
  LonghaulTenant: 'Keyword',
  LonghaulProfile: 'Keyword',
  LonghaulOutcome: 'Keyword',
  LonghaulWaitingFor: 'Keyword',
  LonghaulCostMicroUsd: 'Int',
} as const;

export interface TemporalServerOptions {
  /** Path of the Temporal command-line tool. */
  readonly binary: string;
  /** SQLite file; made, with its folder, when it is not there. A run that is in it goes on. */
  readonly databaseFile: string;
  readonly host?: '127.0.0.1';
  /** Absent: a free one. */
  readonly port?: number;
  /** Port of the Web UI. Absent: a free one. Null: no Web UI. */
  readonly uiPort?: number | null;
  /** Absent: `default`, which is always there. */
  readonly namespace?: string;
  /** Number of events at which the server suggests continue-as-new. Absent: the server's own 4,096. */
  readonly suggestContinueAsNew?: number;
  /** Takes the server's log, appended. Absent: the database file's name with `.log`. */
  readonly logFile?: string;
}

export interface TemporalServer {
  /** `host:port` of gRPC. */
  readonly address: string;
  readonly uiUrl: string | null;
  readonly pid: number;
  /** Ends it and waits until it is gone. *Contract:* idempotent. */
  readonly stop: () => Promise<void>;
  /** SIGKILL, at once. */
  readonly kill: () => void;
  /** Settles once it is gone and the database file is free: exit code, or null for a signal. */
  readonly exited: Promise<number | null>;
}

/**
 * Starts a Temporal server on a database file, ready for work: gRPC answers and our search attributes are there.
 *
 * *Contract:* one server a file; it lives in its own process group, so that Ctrl-C does not reach it before the workers
 * have drained, and ends when this process does.
 * @throws AppError `Config.Invalid` when the file is in use or was made by another server version, `Engine.Unavailable`
 * with the end of the log when the server does not come up.
 */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const { databaseFile } = options;
  await mkdir(dirname(databaseFile), { recursive: true });
  const lock = await lockDatabase(databaseFile);
  try {
    await requireSameVersion(options);
    return await start(options, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function start(options: TemporalServerOptions, lock: FileLock): Promise<TemporalServer> {
  const host = options.host ?? '127.0.0.1';
  const port = options.port ?? (await findFreePort());
  const uiPort = options.uiPort === undefined ? await findFreePort() : options.uiPort;
  const namespace = options.namespace ?? 'default';
  const processOptions = {
    title: 'the Temporal server',
    command: options.binary,
    args: toServerArguments(options, { host, port, uiPort, namespace }),
    // Nothing of our environment: TEMPORAL_* variables are for clients and would change the server.
    env: { HOME: homedir(), PATH: '/usr/local/bin:/usr/bin:/bin', TZ: 'UTC' },
    logFile: options.logFile ?? `${options.databaseFile}.log`,
  };
  const owned = await startOwnedProcess(processOptions);
  await lock.transfer(owned.pid);
  const address = `${host}:${port}`;
  await waitUntilReady(owned, processOptions, { isReady: () => isServing(address, namespace), limitMs: READY_MS });
  return toTemporalServer(owned, lock, { address, uiUrl: uiPort === null ? null : `http://${host}:${uiPort}` });
}

function toTemporalServer(
  owned: OwnedProcess,
  lock: FileLock,
  urls: { readonly address: string; readonly uiUrl: string | null },
): TemporalServer {
  const exited = owned.exited.then(async (code) => {
    await lock.release();
    return code;
  });
  const stop = async (): Promise<void> => {
    await owned.stop();
    await exited;
  };
  return { ...urls, pid: owned.pid, stop, kill: owned.kill, exited };
}

interface ServerPlace {
  readonly host: string;
  readonly port: number;
  readonly uiPort: number | null;
  readonly namespace: string;
}

function toServerArguments(options: TemporalServerOptions, { host, port, uiPort, namespace }: ServerPlace): string[] {
  const attributes = Object.entries(searchAttributes).map(([name, type]) => `${name}=${type}`);
  const dynamic = Object.entries(toDynamicConfig(options)).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const groups: readonly (readonly string[])[] = [
    ['server', 'start-dev', '--disable-config-file', '--disable-config-env', '--log-level', 'warn'],
    ['--ip', host, '--port', String(port), '--namespace', namespace, '--db-filename', options.databaseFile],
    uiPort === null ? ['--headless'] : ['--ui-port', String(uiPort), '--ui-disable-news-fetch'],
    ['journal_mode=WAL', 'synchronous=FULL'].flatMap((pragma) => ['--sqlite-pragma', pragma]),
    attributes.flatMap((attribute) => ['--search-attribute', attribute]),
    dynamic.flatMap((setting) => ['--dynamic-config-value', setting]),
  ];
  return groups.flat();
}

/** What the server would else do too slowly, or not at all. */
function toDynamicConfig(options: TemporalServerOptions): Readonly<Record<string, number | boolean | string>> {
  return {
    // 20 a second by default: a lone run would wait 97 ms at each step instead of 20.
    'history.transferProcessorMaxPollRPS': 2_000,
    'history.timerProcessorMaxPollRPS': 2_000,
    'history.visibilityProcessorMaxPollRPS': 2_000,
    // A timer set now fires at the earliest this much after the last look at the timers: 1 s by default, which every retry of a
    // killed worker's step would wait for.
    'history.timerProcessorMaxTimeShift': '10ms',
    'matching.enableFairness': true,
    // One partition keeps priorities strict.
    'matching.numTaskqueueReadPartitions': 1,
    'matching.numTaskqueueWritePartitions': 1,
    'frontend.WorkflowPauseEnabled': true,
    ...(options.suggestContinueAsNew === undefined
      ? {}
      : { 'limit.historyCount.suggestContinueAsNew': options.suggestContinueAsNew }),
  };
}

/** Does gRPC answer, and does the namespace know all our search attributes? */
async function isServing(address: string, namespace: string): Promise<boolean> {
  // gRPC waits a second after a refused connection, so it is asked only once somebody listens.
  if (!(await isListening(address))) return false;
  const connection = Connection.lazy({ address, connectTimeout: 2_000 });
  try {
    const { customAttributes } = await connection.withDeadline(Date.now() + 2_000, () =>
      connection.operatorService.listSearchAttributes({ namespace }),
    );
    return Object.keys(searchAttributes).every((name) => Object.hasOwn(customAttributes, name));
  } catch {
    return false;
  } finally {
    await connection.close();
  }
}

function isListening(address: string): Promise<boolean> {
  const [host = '', port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) }, () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function lockDatabase(databaseFile: string): Promise<FileLock> {
  return takeFileLock({
    path: `${databaseFile}.lock`,
    onHeld: (pid) => {
      throw new AppError('Config.Invalid', {
        what: `${databaseFile} is in use by the Temporal server of process ${pid}`,
        mend: `End it (kill ${pid}), or start with another database file.`,
      });
    },
  });
}

/** The server makes the tables only in a new file and never migrates them, so a file belongs to one version. */
async function requireSameVersion({ binary, databaseFile }: TemporalServerOptions): Promise<void> {
  const { tool, reason } = await probeTool(temporalRecipe, { path: binary, source: 'env' }, process.env);
  if (tool === null) throw new AppError('Config.Invalid', { what: `${binary} ${reason}` });
  const marker = `${databaseFile}.version`;
  if (!existsSync(databaseFile) || !existsSync(marker)) {
    await writeFile(marker, `${tool.version}\n`);
    return;
  }
  const made = (await readFile(marker, 'utf8')).trim();
  if (made === tool.version) return;
  throw new AppError('Config.Invalid', {
    what: `${databaseFile} was made by Temporal server ${made}, and ${binary} is ${tool.version}, which does not migrate it`,
    mend: `Use a server ${made}, or delete ${databaseFile}* and lose the runs that are in it.`,
  });
}
