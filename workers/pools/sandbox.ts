import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { createSandboxActivities, createSandboxTools } from '../../activities/sandbox/activities.ts';
import type { BoxRuntime } from '../../activities/sandbox/adapters/box-runtime.ts';
import { createBubblewrapRuntime } from '../../activities/sandbox/adapters/bubblewrap-runtime.ts';
import { createGvisorRuntime } from '../../activities/sandbox/adapters/gvisor-runtime.ts';
import { createHostDriver } from '../../activities/sandbox/adapters/host-driver.ts';
import { createSandboxReaper } from '../../activities/sandbox/adapters/sandbox-reaper.ts';
import { isSelfTestOver, runSandboxSelfTest } from '../../activities/sandbox/adapters/sandbox-self-test.ts';
import { createArtifactStore } from '../../activities/sandbox/artifacts.ts';
import { createSandbox } from '../../activities/sandbox/continuity.ts';
import { createLeaseStore } from '../../activities/sandbox/lease.ts';
import { noIncomingFiles } from '../../activities/sandbox/tools/task-files.ts';
import { createTreeStore } from '../../activities/sandbox/tree/tree-store.ts';
import { createToolActivities } from '../../activities/steps/tool-step.ts';
import { AppError } from '../../domain/errors.ts';
import { type RunRef, toWorkflowId } from '../../domain/ids.ts';
import { systemClock } from '../compose/clock.ts';
import type { WorkerConfig } from '../compose/config.ts';
import { type Pool, type PoolContext, toStepPorts } from './pool.ts';

/** Code of models, boxed. Refuses to exist on a host where the box does not hold. */
export async function createSandboxPool(context: PoolContext): Promise<Pool> {
  const { config, logger, storage } = context;
  if (config.sandboxDirectory === null)
    throw new AppError('Config.Invalid', { what: 'LONGHAUL_SANDBOX_DIR is missing' });
  const runtime = chooseRuntime(config.sandboxRuntime);
  const driver = createHostDriver({ directory: config.sandboxDirectory, runtime });
  await driver.checkHost();
  if (!context.isProven) {
    const report = await runSandboxSelfTest(driver);
    logger.info({ probes: report.probes, driver: await driver.describe() }, 'the sandbox holds');
  }
  const trees = createTreeStore(storage);
  const sandbox = createSandbox({
    driver,
    leases: createLeaseStore(storage.objects, systemClock.now),
    trees,
    holder: `${hostname()}:${process.pid}`,
  });
  const reaper = createSandboxReaper({
    sandbox,
    hasEnded: (run) => hasEnded(context, run),
    onError: ({ run, error }) => logger.warn({ runId: run?.runId, err: error }, 'a sandbox could not be checked'),
  });
  const artifacts = createArtifactStore(storage.objects);
  const handlers = createSandboxTools({
    sandbox,
    trees,
    artifacts,
    bounds: driver.bounds,
    incoming: noIncomingFiles,
  });
  const ports = { ...toStepPorts(context), handlers };
  return {
    activities: { ...createToolActivities(ports), ...createSandboxActivities(sandbox) },
    begin: reaper.start,
    close: async () => reaper.stop(),
  };
}

function chooseRuntime(asked: WorkerConfig['sandboxRuntime']): BoxRuntime {
  const runsc = findRunsc(process.env['PATH'] ?? '');
  if (asked === 'bubblewrap') return createBubblewrapRuntime();
  // Named, it is looked for where its own guide puts it, and missed there with its name.
  if (asked === 'gvisor') return createGvisorRuntime(runsc ?? '/usr/local/bin/runsc');
  return runsc !== null && process.getuid?.() === 0 ? createGvisorRuntime(runsc) : createBubblewrapRuntime();
}

function findRunsc(path: string): string | null {
  const places = path.split(delimiter).filter(isAbsolute);
  return places.map((place) => join(place, 'runsc')).find(existsSync) ?? null;
}

/** A run has ended when its outcome is archived, or when the engine knows no open execution of it. */
async function hasEnded({ storage, client }: PoolContext, run: RunRef): Promise<boolean> {
  const ofSelfTest = isSelfTestOver(run);
  if (ofSelfTest !== null) return ofSelfTest;
  if ((await storage.trajectory.readOutcome(run)) !== null) return true;
  try {
    const description = await client.workflow.getHandle(toWorkflowId(run)).describe();
    return description.status.name !== 'RUNNING';
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowNotFoundError') return true;
    throw error;
  }
}
