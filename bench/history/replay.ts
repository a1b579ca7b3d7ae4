import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { bundleWorkflows } from '../../workers/workflow-bundle.ts';
import type { BenchContext } from '../support/bench-context.ts';
import { startTemporal } from '../support/servers.ts';
import { countEvents, type Execution, type History } from '../support/histories.ts';
import { median } from '../support/statistics.ts';
import { buildBareHistory } from './built-history.ts';

/** Each replay is timed so often, after one that is not. */
const timedReplays = 5;
const bareTurns = 600;

/** How long the worst execution takes to replay, beside the bare one. */
export interface ReplayTimes {
  readonly worstReplayMs: number;
  readonly bareReplayMs: number;
  readonly bareEvents: number;
}

interface Replay {
  readonly code: string;
  readonly history: History;
  readonly workflowId: string;
}

const silent = { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error: console.error };

async function timeReplay({ code, history, workflowId }: Replay): Promise<number> {
  const startedAt = performance.now();
  await Worker.runReplayHistory({ workflowBundle: { code } }, history, workflowId);
  return performance.now() - startedAt;
}

async function timeReplays(replay: Replay): Promise<number> {
  await timeReplay(replay);
  const times: number[] = [];
  for (let index = 0; index < timedReplays; index += 1) times.push(await timeReplay(replay));
  return median(times);
}

/** Times the worst execution of a chain against a bare history of 7,205 events, in this process. @throws when one does not replay */
export async function measureReplay(context: BenchContext, worst: Execution): Promise<ReplayTimes> {
  await using ends = new AsyncDisposableStack();
  const server = await startTemporal(context, join(context.directory, 'replay', 'temporal.sqlite'));
  ends.defer(() => server.stop());
  Runtime.install({ logger: silent, shutdownSignals: [] });
  // The SDK ends its runtime with the last of its parts: a connection keeps it from being made anew for every replay.
  const connection = await NativeConnection.connect({ address: server.address });
  ends.defer(() => connection.close());
  const workflowsPath = fileURLToPath(new URL('./bare-replay-workflow.ts', import.meta.url));
  const bare = await bundleWorkflowCode({ workflowsPath, logger: silent });
  const bareHistory = buildBareHistory(bareTurns);
  const ours = await timeReplays({ code: await bundleWorkflows(), history: worst.history, workflowId: 'ours' });
  return {
    worstReplayMs: ours,
    bareReplayMs: await timeReplays({ code: bare.code, history: bareHistory, workflowId: 'bare' }),
    bareEvents: countEvents({ executionId: 'built', history: bareHistory }),
  };
}
