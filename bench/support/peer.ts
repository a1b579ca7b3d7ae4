import type { Client } from '@temporalio/client';
import { ulid } from 'ulid';
import { type Part, waitForPart } from '../../infra/dev/stack/part.ts';
import { toServerEnv } from '../../infra/dev/stack/part-env.ts';
import { type BareRunInput, bareRunType } from '../peer/contract.ts';
import type { BenchContext } from './bench-context.ts';
import { toProfileEnv } from './pools.ts';
import { startBenchPart } from './servers.ts';
import { within } from './waiting.ts';
import { type RunRequest, toLimitMs } from './workload.ts';

/** The same two activities bare on the same server: as many processes as ours, nothing recorded. */
export interface BarePeer {
  readonly pids: readonly number[];
  /** One run to its end; returns the id under which the model server logged it. */
  readonly run: (request: RunRequest) => Promise<string>;
  readonly close: () => Promise<void>;
}

/** Where the peer finds what it calls. */
export interface PeerPlaces {
  readonly temporalAddress: string;
  readonly modelUrl: string;
  readonly toolServerUrl: string;
  readonly toolsFile: string;
  /** Turns of the model server's scenario. */
  readonly turns: number;
}

const queuePrefix = 'bare-';
const readyMs = 60_000;

async function startWorker(context: BenchContext, places: PeerPlaces, pool: string): Promise<Part> {
  const values = {
    pool,
    address: places.temporalAddress,
    prefix: queuePrefix,
    'model-url': places.modelUrl,
    'tool-url': `${places.toolServerUrl}/tools/bench`,
    'tools-file': places.toolsFile,
    turns: String(places.turns),
  };
  const args = Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]);
  const name = `bare-${pool}`;
  const env = { ...toServerEnv(process.env), ...(await toProfileEnv(context, name)) };
  const part = await startBenchPart(context, { name, args: ['bench/peer/worker.ts', ...args], env });
  await waitForPart(part, part.firstLine, readyMs);
  return part;
}

/** Starts the peer's three workers. */
export async function startPeer(context: BenchContext, client: Client, places: PeerPlaces): Promise<BarePeer> {
  const pools = ['orchestrator', 'model', 'tools'];
  const started = await Promise.allSettled(pools.map((pool) => startWorker(context, places, pool)));
  const parts = started.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const close = async (): Promise<void> => {
    await Promise.all(parts.map((part) => part.stop(9_000)));
  };
  const failed = started.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) {
    await close();
    throw failed.reason;
  }
  return {
    pids: parts.map((part) => part.pid),
    close,
    run: async ({ signal, turns, maxTurns = Number.MAX_SAFE_INTEGER }) => {
      const runId = ulid();
      const input: BareRunInput = { runId, queuePrefix, turn: 0, maxTurns };
      const handle = await client.workflow.start(bareRunType, {
        workflowId: `bare/${runId}`,
        taskQueue: `${queuePrefix}orchestrator`,
        args: [input],
        workflowTaskTimeout: '5s',
      });
      const limitMs = toLimitMs({ turns });
      await within(handle.result(), { signal, limitMs, what: `the end of a bare run of ${turns} turns` });
      return runId;
    },
  };
}
