import { monotonicFactory } from 'ulid';
import { createHistoryArchive } from '../activities/storage/history-archive.ts';
import { createHistoryReader } from '../activities/storage/history-reader.ts';
import { AppError, toAppError } from '../domain/errors.ts';
import { loadCatalog } from '../workers/compose/catalog.ts';
import { type ApiConfig, loadApiConfig } from '../workers/compose/config.ts';
import { createLogger } from '../workers/compose/logger.ts';
import { openStorage } from '../workers/compose/storage.ts';
import { connectClient, loadTemporalConfig, type TemporalConfig } from '../workers/compose/temporal.ts';
import { createApi } from './create-api.ts';
import { createArchivedEngine } from './engine/archived-engine.ts';
import { createTemporalEngine } from './engine/temporal-engine.ts';
import { toOwnHosts } from './http/safety.ts';
import { isLoopback, serveApi } from './serve.ts';

/** Runs whose records are kept in memory, for prompts that are asked for. */
const maxCachedRuns = 20;

/** Exit status for what the operator has to mend. */
const configExit = 2;

interface Configuration {
  readonly api: ApiConfig;
  readonly temporal: TemporalConfig;
}

/** Both halves of the configuration, with every bad key of both in one error. */
function configure(env: NodeJS.ProcessEnv): Configuration {
  const problems: AppError[] = [];
  const read = <T>(load: () => T): T | null => {
    try {
      return load();
    } catch (error) {
      problems.push(toAppError(error));
      return null;
    }
  };
  const api = read(() => loadApiConfig(env));
  read(() => requireLoopback(env['LONGHAUL_API_HOST'] ?? ''));
  const temporal = read(() => loadTemporalConfig(env));
  const [first, second] = problems;
  if (first === undefined && api !== null && temporal !== null) return { api, temporal };
  if (first !== undefined && second === undefined) throw first;
  throw new AppError('Config.Invalid', { what: problems.map(({ facts }) => facts.what.trim()).join('\n') });
}

/** Until there are keys, whoever reaches the API may use it: it is not offered to other machines. */
function requireLoopback(host: string): void {
  if (host === '' || isLoopback(host)) return;
  throw new AppError('Config.Invalid', {
    field: 'LONGHAUL_API_HOST',
    what: 'LONGHAUL_API_HOST: the API has no keys yet, so it listens on a loopback address only',
    mend: 'Set 127.0.0.1, and reach it from elsewhere through SSH or a proxy that checks who asks.',
  });
}

/** Tries to reach an engine that was away again soon, not with gRPC's own back-off of up to two minutes. */
function reconnectSoon(temporal: TemporalConfig): TemporalConfig {
  const channelArgs = { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 2_000 };
  const connectionOptions = { ...temporal.connectionOptions, channelArgs };
  return { ...temporal, connectionOptions };
}

async function main(): Promise<void> {
  const { api: config, temporal } = configure(process.env);
  const log = createLogger({ process: 'api' });
  const client = connectClient(reconnectSoon(temporal));
  const { objects, blobs, trajectory } = await openStorage(config.store);
  const { tenant, queuePrefix, standIn, timeZone } = config;
  let ownHosts: ReadonlySet<string> = new Set();
  const nextUlid = monotonicFactory();
  const archive = createHistoryArchive(objects);
  const api = createApi({
    engine: createArchivedEngine(createTemporalEngine({ client, queuePrefix }), archive),
    objects,
    blobs,
    trajectory,
    history: createHistoryReader({ trajectory, maxRuns: maxCachedRuns }),
    archive,
    catalog: loadCatalog(config),
    settings: { tenant, queuePrefix, standIn, timeZone },
    ownHosts: () => ownHosts,
    now: () => Date.now(),
    newUlid: (nowMs) => nextUlid(nowMs),
    log,
  });
  const server = await serveApi(api.app, config.apiHost, config.apiPort);
  ownHosts = toOwnHosts(server.port);
  const shownHost = config.apiHost.includes(':') ? `[${config.apiHost}]` : config.apiHost;
  process.stdout.write(`${JSON.stringify({ listening: `http://${shownHost}:${server.port}` })}\n`);
  const stop = (signal: string) => {
    log.info({ signal }, 'the API ends');
    api.close();
    // Not by closing the client: its own retries of polls that were given up would then throw.
    void server.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', () => stop('SIGTERM'));
  process.once('SIGINT', () => stop('SIGINT'));
}

try {
  await main();
} catch (error) {
  const failure = toAppError(error);
  process.stderr.write(`${failure.message}\n`);
  process.exitCode = failure.type === 'Config.Invalid' ? configExit : 1;
}
