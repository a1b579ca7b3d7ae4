import type { Client } from '@temporalio/client';
import { ulid } from 'ulid';
import { buildManifest } from '../../domain/build-manifest.ts';
import { type RunRef, toWorkflowId } from '../../domain/ids.ts';
import { toTaskQueue } from '../../domain/receipt.ts';
import { type ResearchRun, researchRunType } from '../../workflows/contract.ts';
import { searchAttributes } from '../../workflows/search-attributes.ts';
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
  /** When it was started, in milliseconds of the monotonic clock. */
  readonly startedAt: number;
}

/** Submits runs to the pools of a bench and looks at what they left. */
export interface RunClient {
  readonly client: Client;
  readonly storage: Storage;
  /** Puts the manifest and starts the workflow, as the API does. */
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
  const storage = await openStorage({ kind: 'directory', directory: places.store.slice('file:'.length) });
  const { toolsFile, queuePrefix } = places;
  const { tools } = loadCatalog({ profilesFile: null, toolsFile, model: 'longhaul-scripted', readerModel: null });
  return {
    client,
    storage,
    submit: async (profile) => {
      const run = { tenant: 'default', runId: ulid() };
      const task = { question: benchQuestion, profile, tools, timeZone: 'UTC', standIn: true, metadata: {} };
      const manifest = buildManifest({ ...run, ...task, now: new Date() });
      await storage.trajectory.putManifest(manifest);
      const startedAt = performance.now();
      const manifestDigest = digestManifest(manifest);
      const handle = await client.workflow.start<ResearchRun>(researchRunType, {
        workflowId: toWorkflowId(run),
        taskQueue: toTaskQueue(queuePrefix, 'orchestrator'),
        args: [{ ...run, manifestDigest, queuePrefix, carry: null }],
        workflowTaskTimeout: '5s',
        staticSummary: benchQuestion,
        memo: { question: benchQuestion },
        typedSearchAttributes: [
          { key: searchAttributes.status, value: 'queued' },
          { key: searchAttributes.tenant, value: run.tenant },
          { key: searchAttributes.profile, value: profile.name },
        ],
      });
      const firstExecutionId = handle.firstExecutionRunId;
      await storage.trajectory.putStart(run, { firstExecutionId, workflowId: handle.workflowId });
      return { ...run, workflowId: handle.workflowId, firstExecutionId, startedAt };
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
