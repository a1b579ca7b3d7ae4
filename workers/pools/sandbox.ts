import { createSandboxActivities, createSandboxTools } from '../../activities/sandbox/activities.ts';
import { createBubblewrapSandbox } from '../../activities/sandbox/adapters/bubblewrap.ts';
import { createSandboxReaper } from '../../activities/sandbox/adapters/sandbox-reaper.ts';
import { createToolActivities } from '../../activities/steps/tool-step.ts';
import { AppError } from '../../domain/errors.ts';
import { toWorkflowId } from '../../domain/ids.ts';
import { type Pool, type PoolContext, toStepPorts } from './pool.ts';

/** Code of models, boxed. Refuses to exist on a host where the box does not hold. */
export async function createSandboxPool(context: PoolContext): Promise<Pool> {
  const { config, logger } = context;
  if (config.sandboxDirectory === null)
    throw new AppError('Config.Invalid', { what: 'LONGHAUL_SANDBOX_DIR is missing' });
  const sandbox = createBubblewrapSandbox({ directory: config.sandboxDirectory });
  await sandbox.checkHost();
  if (!context.isProven) {
    const { runSandboxSelfTest } = await import('../../activities/sandbox/adapters/sandbox-self-test.ts');
    const report = await runSandboxSelfTest(sandbox);
    logger.info({ probes: report.probes.length, driver: sandbox.describe() }, 'the sandbox holds');
  }
  const reaper = createSandboxReaper({
    sandbox,
    hasEnded: (runId) => hasEnded(context, runId),
    onError: ({ runId, error }) => logger.warn({ runId, err: error }, 'a sandbox could not be checked'),
  });
  const handlers = createSandboxTools(sandbox);
  const ports = { ...toStepPorts(context), handlers };
  return {
    activities: { ...createToolActivities(ports), ...createSandboxActivities(sandbox) },
    begin: reaper.start,
    close: async () => reaper.stop(),
  };
}

/** A run has ended when its outcome is archived, or when the engine knows no open execution of it. */
async function hasEnded({ storage, client }: PoolContext, runId: string): Promise<boolean> {
  const run = { tenant: 'default', runId };
  if ((await storage.trajectory.readOutcome(run)) !== null) return true;
  try {
    const description = await client.workflow.getHandle(toWorkflowId(run)).describe();
    return description.status.name !== 'RUNNING';
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowNotFoundError') return true;
    throw error;
  }
}
