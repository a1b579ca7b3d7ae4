import { flushCompileCache } from 'node:module';
import { NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { Client } from '@temporalio/client';
import { createHistoryReader } from '../activities/storage/history-reader.ts';
import { assertConditionalWrites } from '../activities/storage/conditional-writes-probe.ts';
import { toAppError } from '../domain/errors.ts';
import { toTaskQueue } from '../domain/receipt.ts';
import type { PoolName } from '../domain/tools.ts';
import { createActivityTracker } from './activity-tracker.ts';
import { loadWorkerConfig, type WorkerConfig } from './compose/config.ts';
import { createHolder } from './compose/holder.ts';
import { createLogger } from './compose/logger.ts';
import { openStorage } from './compose/storage.ts';
import { loadTemporalConfig } from './compose/temporal.ts';
import { findFreeMetricsPort } from './metrics-port.ts';
import type { Pool, PoolContext, PoolLane } from './pools/pool.ts';
import { serveMetrics } from './serve-metrics.ts';
import { exitRefused, internalNames, supervisorMessageSchema, type WorkerMessage } from './supervision.ts';
import { loadBundle } from './workflow-bundle.ts';

/** Each pool's code is loaded only in a process that serves it: a worker must be back within a second of a crash. */
const poolFactories: Readonly<Record<PoolName, (context: PoolContext) => Promise<Pool>>> = {
  orchestrator: async (context) => (await import('./pools/orchestrator.ts')).createOrchestratorPool(context),
  model: async (context) => await (await import('./pools/model.ts')).createModelPool(context),
  web: async (context) => (await import('./pools/web.ts')).createWebPool(context),
  sandbox: async (context) => (await import('./pools/sandbox.ts')).createSandboxPool(context),
  tools: async (context) => (await import('./pools/tools.ts')).createToolsPool(context),
};

/** Runs whose records a worker keeps in memory. */
const maxCachedRuns = 200;

const logger = createLogger({ part: process.env['LONGHAUL_POOLS'] ?? 'worker' });

function send(message: WorkerMessage): void {
  process.send?.(message);
}

function toWorkerOptions(config: WorkerConfig, pool: PoolName): Omit<WorkerOptions, 'taskQueue'> {
  return {
    identity: `${process.env[internalNames.identity] ?? 'longhaul'}:${pool}:${process.pid}`,
    shutdownGraceTime: config.drainMs,
    shutdownForceTime: config.drainMs + 5_000,
    maxHeartbeatThrottleInterval: '3 seconds',
    defaultHeartbeatThrottleInterval: '3 seconds',
    maxConcurrentActivityTaskExecutions: config.slots,
    interceptors: { activity: [createActivityTracker(send)] },
  };
}

async function workflowOptions(): Promise<Partial<WorkerOptions>> {
  const file = process.env[internalNames.bundle];
  return {
    ...(file === undefined
      ? { workflowsPath: (await import('./workflow-bundle.ts')).workflowsPath }
      : { workflowBundle: await loadBundle(file) }),
    stickyQueueScheduleToStartTimeout: '2 seconds',
    maxCachedWorkflows: 500,
    maxEagerActivityReservationsPerWorkflowTask: 0,
  };
}

/** The queues of a pool, each with a worker of its own; slots that a lane gives itself replace the configured ones. */
function toLanes(config: WorkerConfig, name: PoolName, pool: Pool): readonly PoolLane[] {
  return pool.lanes ?? [{ taskQueue: toTaskQueue(config.queuePrefix, name), options: {}, interceptors: [] }];
}

function toLaneOptions(shared: Omit<WorkerOptions, 'taskQueue'>, lane: PoolLane): Omit<WorkerOptions, 'taskQueue'> {
  const { maxConcurrentActivityTaskExecutions: slots, interceptors, ...rest } = shared;
  return {
    ...rest,
    ...(lane.options.tuner === undefined && slots !== undefined ? { maxConcurrentActivityTaskExecutions: slots } : {}),
    ...lane.options,
    interceptors: { ...interceptors, activity: [...(interceptors?.activity ?? []), ...lane.interceptors] },
  };
}

async function start(config: WorkerConfig): Promise<void> {
  const enginePort = await findFreeMetricsPort();
  Runtime.install({
    shutdownSignals: [],
    telemetryOptions: { metrics: { prometheus: { bindAddress: `127.0.0.1:${enginePort}` } } },
    logger: { ...silentLogger, warn: logEngine('warn'), error: logEngine('error') },
  });
  const temporal = loadTemporalConfig(process.env);
  const [connection, storage] = await Promise.all([
    NativeConnection.connect(temporal.connectionOptions),
    openStorage(config.store),
  ]);
  const namespace = temporal.namespace ?? 'default';
  const client = new Client({ connection, namespace });
  const history = createHistoryReader({ trajectory: storage.trajectory, maxRuns: maxCachedRuns });
  const isProven = process.env[internalNames.proven] === '1';
  if (!isProven) await assertConditionalWrites(storage.objects);
  const context: PoolContext = { config, storage, history, holder: createHolder(), client, logger, isProven };
  const served = await Promise.all(
    config.pools.map(async (name) => {
      const pool = await poolFactories[name](context);
      const shared = {
        ...toWorkerOptions(config, name),
        ...(name === 'orchestrator' ? await workflowOptions() : {}),
        connection,
        namespace,
        activities: pool.activities,
      };
      const workers = await Promise.all(
        toLanes(config, name, pool).map((lane) =>
          Worker.create({ ...toLaneOptions(shared, lane), taskQueue: lane.taskQueue }),
        ),
      );
      return { pool, workers };
    }),
  );
  const workers = served.flatMap((each) => each.workers);
  const metricsPort = await serveMetrics(
    enginePort,
    served.flatMap(({ pool }) => pool.metrics ?? []),
  );
  const begun = new Promise<void>((resolve) => {
    process.on('message', (raw) => {
      const message = supervisorMessageSchema.safeParse(raw);
      if (message.data?.type === 'begin') resolve();
      if (message.data?.type !== 'drain') return;
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    });
  });
  // Else only an orderly exit would keep it, and the next start after a crash would compile everything again.
  if (!isProven) flushCompileCache();
  send({ type: 'prepared', metricsPort });
  await begun;
  for (const { pool } of served) pool.begin();
  const running = workers.map((worker) => worker.run());
  send({ type: 'ready' });
  await Promise.all(running);
  await Promise.all(served.map(({ pool }) => pool.close()));
  await connection.close();
}

const silentLogger = { log() {}, trace() {}, debug() {}, info() {} };

function logEngine(level: 'warn' | 'error') {
  return (message: string, meta?: Readonly<Record<string, unknown>>) => logger[level](meta ?? {}, message);
}

// Ctrl-C reaches the whole process group; only the supervisor decides what it means.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
// A worker without its supervisor would be a process that nobody ends.
process.on('disconnect', () => process.exit(1));

try {
  await start(loadWorkerConfig(process.env));
  process.exit(0);
} catch (error) {
  const failure = toAppError(error);
  const refused = failure.type === 'Config.Invalid' || failure.type === 'Sandbox.Unsafe';
  logger.error({ type: failure.type }, failure.message);
  if (refused) send({ type: 'refused', message: failure.message });
  process.exitCode = refused ? exitRefused : 1;
  process.disconnect?.();
  setTimeout(() => process.exit(), 50);
}
