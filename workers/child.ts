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
import type { Pool, PoolContext } from './pools/pool.ts';
import { exitRefused, internalNames, supervisorMessageSchema, type WorkerMessage } from './supervision.ts';
import { loadBundle } from './workflow-bundle.ts';

/** Each pool's code is loaded only in a process that serves it: a worker must be back within a second of a crash. */
const poolFactories: Readonly<Record<PoolName, (context: PoolContext) => Promise<Pool>>> = {
  orchestrator: async (context) => (await import('./pools/orchestrator.ts')).createOrchestratorPool(context),
  model: async (context) => (await import('./pools/model.ts')).createModelPool(context),
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

async function start(config: WorkerConfig): Promise<void> {
  const metricsPort = await findFreeMetricsPort();
  Runtime.install({
    shutdownSignals: [],
    telemetryOptions: { metrics: { prometheus: { bindAddress: `127.0.0.1:${metricsPort}` } } },
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
      const worker = await Worker.create({
        ...toWorkerOptions(config, name),
        ...(name === 'orchestrator' ? await workflowOptions() : {}),
        connection,
        namespace,
        taskQueue: toTaskQueue(config.queuePrefix, name),
        activities: pool.activities,
      });
      return { pool, worker };
    }),
  );
  const begun = new Promise<void>((resolve) => {
    process.on('message', (raw) => {
      const message = supervisorMessageSchema.safeParse(raw);
      if (message.data?.type === 'begin') resolve();
      if (message.data?.type !== 'drain') return;
      for (const { worker } of served) if (worker.getState() === 'RUNNING') worker.shutdown();
    });
  });
  // Else only an orderly exit would keep it, and the next start after a crash would compile everything again.
  if (!isProven) flushCompileCache();
  send({ type: 'prepared', metricsPort });
  await begun;
  const running = served.map(({ pool, worker }) => {
    pool.begin();
    return worker.run();
  });
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
