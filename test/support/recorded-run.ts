import type { HistoryStep } from '../../activities/storage/history-reader.ts';
import type { TrajectoryStore } from '../../activities/storage/trajectory-store.ts';
import { digestFields } from '../../domain/digest.ts';
import { digestManifest, type RunManifest } from '../../domain/manifest.ts';
import { extendHead, type StepRecord } from '../../domain/record.ts';
import type { ToolCall } from '../../domain/tools.ts';
import { aModelRecord, echoTool } from './facts.ts';
import { putRecord } from './store.ts';

/** A turn of a recorded run: what was said, and what its calls returned. */
export interface RecordedTurn {
  readonly reply: string;
  readonly stop?: NonNullable<StepRecord['model']>['stop'];
  readonly observations?: readonly string[];
  readonly calls?: readonly ToolCall[];
}

const model = {
  purpose: 'turn',
  firstLive: 0,
  promptDigest: digestFields([]),
  stop: 'calls',
  model: 'a-model',
} as const;

export const echoCall = (args: unknown = { text: 'hi' }): ToolCall => ({
  server: echoTool.server,
  tool: 'echo',
  arguments: args,
  argumentsError: null,
});

/** Writes a run's manifest and records; gives the heads before each slot. */
export async function recordRun(
  trajectory: TrajectoryStore,
  manifest: RunManifest,
  turns: readonly RecordedTurn[],
): Promise<{ readonly heads: string[]; readonly head: string; readonly steps: number }> {
  await trajectory.putManifest(manifest);
  const heads = [digestManifest(manifest)];
  const put = async (change: Partial<StepRecord>, contents: Record<string, string>) => {
    const seq = heads.length - 1;
    const { contents: _contents, ...record } = aModelRecord({ runId: manifest.runId, seq, ...change });
    const requestDigest = digestFields([String(seq)]);
    const step = await putRecord(trajectory, { ...manifest, seq }, { record: { ...record, requestDigest }, contents });
    heads.push(extendHead(heads[seq] ?? '', step.digest));
    return seq;
  };
  for (const { reply, stop = 'calls', observations = [], calls } of turns) {
    const asked = calls ?? observations.map((text) => echoCall({ text }));
    const modelSeq = await put(
      { model: { ...model, stop, head: heads.at(-1) ?? '' } },
      { reply, ...(asked.length === 0 ? {} : { calls: JSON.stringify(asked) }) },
    );
    for (const [callIndex, observation] of observations.entries()) {
      const tool = { server: 'test', tool: 'echo', modelSeq, callIndex, source: null, sandbox: null };
      await put({ kind: 'tool', model: null, tool }, { observation });
    }
  }
  return { heads, head: heads.at(-1) ?? '', steps: heads.length - 1 };
}

/** The texts of steps, in order. */
export const textsOf = (steps: readonly HistoryStep[]) => steps.map((step) => step.text);
