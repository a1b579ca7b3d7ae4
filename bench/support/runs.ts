import type { Client } from '@temporalio/client';
import { ulid } from 'ulid';
import { createTemporalEngine } from '../../api/engine/temporal-engine.ts';
import { buildManifest } from '../../domain/build-manifest.ts';
import { type RunRef, toWorkflowId } from '../../domain/ids.ts';
import type { Profile } from '../../domain/profile.ts';
import { digestManifest } from '../../domain/manifest.ts';
import { loadCatalog } from '../../workers/compose/catalog.ts';
import { openStorage, type Storage } from '../../workers/compose/storage.ts';
import { connectClient, loadTemporalConfig } from '../../workers/compose/temporal.ts';
import { benchQuestion } from './profile.ts';
import type { PoolPlaces } from './pools.ts';

/** A submitted run. */
export interface SubmittedRun extends RunRef {
  readonly workflowId: string;
  readonly firstExecutionId: string;
}

/** Submits runs to the pools of a bench and looks at what they left. */
export interface RunClient {
  readonly client: Client;
  readonly storage: Storage;
  /** Puts the manifest and starts the workflow, with the API's own code. */
  readonly submit: (profile: Profile) => Promise<SubmittedRun>;
  /** Waits for the run's end. @throws when it was not answered */
  readonly waitForAnswer: (run: SubmittedRun) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** A client for a bench's own server and store. */
export async function openRunClient(
  places: Pick<PoolPlaces, 'temporalAddress' | 'store' | 'queuePrefix' | 'toolsFile'>,
): Promise<RunClient> {
  const client = connectClient(loadTemporalConfig({ TEMPORAL_ADDRESS: places.temporalAddress }));
  const engine = createTemporalEngine({ client, queuePrefix: places.queuePrefix });
  const storage = await openStorage({ kind: 'directory', directory: places.store.slice('file:'.length) });
  const { toolsFile } = places;
  const { tools } = loadCatalog({ profilesFile: null, toolsFile, model: 'longhaul-scripted', readerModel: null });
  return {
    client,
    storage,
    submit: async (profile) => {
      const run = { tenant: 'default', runId: ulid() };
      const task = { question: benchQuestion, profile, tools, timeZone: 'UTC', standIn: true, metadata: {} };
      const manifest = buildManifest({ ...run, ...task, now: new Date() });
      await storage.trajectory.putManifest(manifest);
      const manifestDigest = digestManifest(manifest);
      const firstExecutionId = await engine.start({
        run,
        question: benchQuestion,
        profile: profile.name,
        priorityClass: 'batch',
        manifestDigest,
      });
      if (firstExecutionId === null) throw new Error(`run ${run.runId} was there already`);
      const workflowId = toWorkflowId(run);
      await storage.trajectory.putStart(run, { firstExecutionId, workflowId });
      return { ...run, workflowId, firstExecutionId };
    },
    waitForAnswer: async (run) => {
      await client.workflow.getHandle(run.workflowId, run.firstExecutionId).result();
      const outcome = await storage.trajectory.readOutcome(run);
      if (outcome?.outcome !== 'answered') {
        const why = outcome?.failure?.message ?? outcome?.stopReason ?? 'it has no outcome';
        throw new Error(`run ${run.runId} was not answered: ${why}`);
      }
    },
    close: () => client.connection.close(),
  };
}
