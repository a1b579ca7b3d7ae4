import { LRUCache } from 'lru-cache';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../domain/errors.ts';
import type { StepRecord } from '../../domain/record.ts';
import { type SandboxTrees, sandboxTreesAfter } from '../../domain/sandbox-trees.ts';
import type { ToolContext } from '../steps/tool-step.ts';

/** What the sandboxes of a run hold just before a step, by the run's records. */
export interface TreeHistory {
  /**
   * *Contract:* records never change, so each is read once. Waits a moment for calls of the same message that come first.
   * @throws AppError `Sandbox.Unavailable` while an earlier call of the same message is still under way
   */
  readonly before: (context: TreeContext) => Promise<SandboxTrees>;
}

/** What it reads of a step. */
type TreeContext = Pick<ToolContext, 'tenant' | 'runId' | 'seq' | 'signal' | 'manifest' | 'around'>;

const maxRuns = 200;
const readsAtOnce = 16;

/** A slot is not held for long: whoever comes first may need it. */
const patienceMs = 2_000;
const pollMs = 50;
const retryAfterMs = 1_000;

/** Reads records through the step's own context, and keeps what they said for the next step of the run. */
export function createTreeHistory(): TreeHistory {
  const cache = new LRUCache<string, { readonly upto: number; readonly trees: SandboxTrees }>({ max: maxRuns });
  return {
    before: async (context) => {
      const key = `${context.tenant}/${context.runId}`;
      let known = cache.get(key) ?? { upto: 0, trees: new Map() };
      // Another step of the run may be reading as well; a shorter reading never replaces a longer one.
      const { modelSeq } = context.around;
      while (known.upto < modelSeq) {
        const upto = Math.min(known.upto + readsAtOnce, modelSeq);
        const records = await readAll(context, known.upto, upto);
        known = { upto, trees: sandboxTreesAfter(records, known.trees) };
        if ((cache.get(key)?.upto ?? 0) < upto) cache.set(key, known);
      }
      const trees = known.upto === modelSeq ? known.trees : await readAnew(context);
      return sandboxTreesAfter(await readEarlierCalls(context), trees);
    },
  };
}

/** An earlier slot than the cache has: the records before it, once more. */
async function readAnew(context: TreeContext): Promise<SandboxTrees> {
  const { modelSeq } = context.around;
  let trees: SandboxTrees = new Map();
  for (let from = 0; from < modelSeq; from += readsAtOnce) {
    trees = sandboxTreesAfter(await readAll(context, from, Math.min(from + readsAtOnce, modelSeq)), trees);
  }
  return trees;
}

async function readAll({ around, runId }: TreeContext, from: number, upto: number): Promise<StepRecord[]> {
  const slots = Array.from({ length: upto - from }, (_, index) => from + index);
  return Promise.all(
    slots.map(async (seq) => {
      const record = await around.recordOf(seq);
      if (record !== null) return record;
      throw new AppError('Storage.Missing', { what: `step ${seq} of run ${runId} is not in the store` });
    }),
  );
}

/** Calls of one message use a sandbox in the order of their text, whatever the order in which they are started. */
async function readEarlierCalls(context: TreeContext): Promise<StepRecord[]> {
  const { manifest, seq } = context;
  const { earlierCalls, callIndex } = context.around;
  const usesSandbox = (name: string): boolean =>
    manifest.tools.some((tool) => tool.name === name && tool.pool === 'sandbox');
  const records: StepRecord[] = [];
  const endsMs = performance.now() + patienceMs;
  for (const [index, call] of earlierCalls.entries()) {
    if (usesSandbox(call.tool)) records.push(await waitFor(context, seq - callIndex + index, endsMs));
  }
  return records;
}

async function waitFor({ around, signal }: TreeContext, seq: number, endsMs: number): Promise<StepRecord> {
  for (;;) {
    const record = await around.recordOf(seq);
    if (record !== null) return record;
    if (performance.now() > endsMs) {
      throw new AppError('Sandbox.Unavailable', {
        what: `step ${seq}, an earlier call of the same message, is still under way`,
        retryAfterMs,
      });
    }
    await delay(pollMs, undefined, { signal });
  }
}
