import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundleWorkflowCode, NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { OpenAI } from 'openai';
import { z } from 'zod';
import { createLogger } from '../../workers/compose/logger.ts';
import { findFreeMetricsPort } from '../../workers/metrics-port.ts';
import { createBareActivities } from './activities.ts';
import { createConversation } from './conversation.ts';

const text = { type: 'string' } as const;
const names = ['pool', 'address', 'prefix', 'model-url', 'tool-url', 'tools-file', 'turns'] as const;
const argumentsSchema = z.strictObject({
  pool: z.enum(['orchestrator', 'model', 'tools']),
  address: z.string(),
  prefix: z.string(),
  'model-url': z.url(),
  'tool-url': z.url(),
  'tools-file': z.string(),
  turns: z.coerce.number().int().min(1),
});
type Arguments = z.infer<typeof argumentsSchema>;

const drainMs = 3_000;
const logger = createLogger({ part: 'bare peer' });

/** The options of our own workers (workers/child.ts), without what only a supervisor needs. */
const shared: Partial<WorkerOptions> = {
  shutdownGraceTime: drainMs,
  shutdownForceTime: drainMs + 5_000,
  maxHeartbeatThrottleInterval: '3 seconds',
  defaultHeartbeatThrottleInterval: '3 seconds',
  maxConcurrentActivityTaskExecutions: 100,
};

async function workflowOptions(): Promise<Partial<WorkerOptions>> {
  const workflowsPath = fileURLToPath(new URL('./workflow.ts', import.meta.url));
  const quiet = { trace() {}, debug() {}, info() {}, log() {}, warn() {}, error: console.error };
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: quiet });
  return {
    workflowBundle: { code },
    stickyQueueScheduleToStartTimeout: '2 seconds',
    maxCachedWorkflows: 500,
    maxEagerActivityReservationsPerWorkflowTask: 0,
  };
}

function activityOptions(values: Arguments): Partial<WorkerOptions> {
  const client = new OpenAI({
    maxRetries: 0,
    timeout: 20 * 60_000,
    apiKey: 'none',
    baseURL: values['model-url'],
  });
  const conversation = createConversation({ turns: values.turns, toolsFile: values['tools-file'] });
  return { activities: createBareActivities({ client, toolUrl: values['tool-url'], conversation }) };
}

async function main(): Promise<void> {
  const options = Object.fromEntries(names.map((name) => [name, text]));
  const values = argumentsSchema.parse(parseArgs({ options }).values);
  const bindAddress = `127.0.0.1:${await findFreeMetricsPort()}`;
  const quiet = { log() {}, trace() {}, debug() {}, info() {} };
  Runtime.install({
    shutdownSignals: [],
    telemetryOptions: { metrics: { prometheus: { bindAddress } } },
    logger: {
      ...quiet,
      warn: (message, meta) => logger.warn(meta ?? {}, message),
      error: (message, meta) => logger.error(meta ?? {}, message),
    },
  });
  const connection = await NativeConnection.connect({ address: values.address });
  const worker = await Worker.create({
    ...shared,
    ...(values.pool === 'orchestrator' ? await workflowOptions() : activityOptions(values)),
    identity: `bare:${values.pool}:${process.pid}`,
    connection,
    namespace: 'default',
    taskQueue: `${values.prefix}${values.pool}`,
  });
  process.once('SIGTERM', () => worker.shutdown());
  const running = worker.run();
  process.stdout.write(`${JSON.stringify({ listening: values.pool })}\n`);
  await running;
  await connection.close();
}

process.on('SIGINT', () => {});

try {
  await main();
  process.exit(0);
} catch (error) {
  logger.error({ err: error }, 'the peer ended');
  process.exit(1);
}
