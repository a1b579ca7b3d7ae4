import { createModelActivities } from '../../activities/model/activities.ts';
import { createOpenAiChat } from '../../activities/model/adapters/openai.ts';
import { createPooledChat } from '../../activities/model/pool/pooled-chat.ts';
import type { ReplicaPool } from '../../activities/model/pool/replica-pool.ts';
import { toAppError } from '../../domain/errors.ts';
import { toEntryQueue } from '../../domain/pool/lanes.ts';
import { toTaskQueue } from '../../domain/receipt.ts';
import { loadModelPools } from '../compose/model-pools.ts';
import { createModelClient } from './openai-client.ts';
import { openReplicaPool } from './open-replica-pool.ts';
import { type Pool, type PoolContext, type PoolLane, toStepPorts } from './pool.ts';
import { createPoolMetrics, type PoolMetrics } from './pool-metrics.ts';
import { hasLimits, setQueueLimits } from './queue-limits.ts';
import { createQueueTimer } from './queue-timer.ts';
import { createRoomSlots, toTuner } from './room-slots.ts';

/** Polls of the entry queue at once: each may bring a run that then has to have room. */
const entryPolls = 1;

/** Chat calls: to the replicas of a pools file, or to the one server of `OPENAI_BASE_URL`. */
export async function createModelPool(context: PoolContext): Promise<Pool> {
  const { config } = context;
  return config.modelPoolsFile === null
    ? createSingleServer(context)
    : await createReplicaServers(context, config.modelPoolsFile);
}

/** One server takes what it gets: both queues are served alike. */
function createSingleServer(context: PoolContext): Pool {
  const { config } = context;
  const ports = { ...toStepPorts(context), chat: createOpenAiChat({ client: createModelClient(config) }) };
  const queues = [toTaskQueue(config.queuePrefix, 'model'), toEntryQueue(config.queuePrefix)];
  return {
    activities: createModelActivities(ports),
    lanes: queues.map((taskQueue) => ({ taskQueue, options: {}, interceptors: [] })),
    begin: () => {},
    close: async () => {},
  };
}

async function createReplicaServers(context: PoolContext, file: string): Promise<Pool> {
  const { logger } = context;
  const { main } = loadModelPools(file, process.env);
  const metrics = createPoolMetrics(logger);
  const pool = await openReplicaPool(main, metrics.observerOf('main'));
  metrics.watch(pool);
  const ports = { ...toStepPorts(context), chat: createPooledChat(pool) };
  return {
    activities: createModelActivities(ports),
    lanes: toLanes(context, pool, metrics),
    metrics: metrics.text,
    begin: () => {
      void pool.start();
      void limitQueues(context, pool);
    },
    close: async () => pool.close(),
  };
}

/**
 * Calls of runs that have begun, as many as the replicas take; first calls of new ones, as many as there is cache for.
 *
 * A place whose poll has brought nothing yet counts only on its own queue: an empty queue must not hold up the other one.
 */
function toLanes({ config }: PoolContext, pool: ReplicaPool, metrics: PoolMetrics): PoolLane[] {
  const { admission } = pool;
  const calls = createRoomSlots(({ taken }) => admission.roomForCalls(pool.capacity(), taken + entry.running()) > 0);
  const entry = createRoomSlots(({ taken, polling }) => {
    const capacity = pool.capacity();
    const room = admission.roomForCalls(capacity, taken + calls.running());
    return room > 0 && admission.roomForRuns(capacity, polling) > 0;
  });
  const timer = (lane: string) => createQueueTimer((priority, seconds) => metrics.noteQueued(lane, priority, seconds));
  return [
    {
      taskQueue: toTaskQueue(config.queuePrefix, 'model'),
      options: { tuner: toTuner(calls) },
      interceptors: [timer('turn')],
    },
    {
      taskQueue: toEntryQueue(config.queuePrefix),
      options: {
        tuner: toTuner(entry),
        activityTaskPollerBehavior: { type: 'simple-maximum', maximum: entryPolls },
      },
      interceptors: [timer('entry')],
    },
  ];
}

async function limitQueues({ config, client, logger }: PoolContext, { ports }: ReplicaPool): Promise<void> {
  const { limits } = ports.pool;
  if (!hasLimits(limits)) return;
  const queues = [toTaskQueue(config.queuePrefix, 'model'), toEntryQueue(config.queuePrefix)];
  try {
    await Promise.all(queues.map((taskQueue) => setQueueLimits({ client, taskQueue, limits })));
    logger.info({ queues, ...limits }, 'limits of the task queues are set');
  } catch (error) {
    // An engine that cannot keep limits still runs; that it does not keep them must be seen.
    logger.error({ failure: toAppError(error).message }, 'limits of the task queues could not be set');
  }
}
