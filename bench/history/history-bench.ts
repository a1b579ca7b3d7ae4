import type { BenchContext } from '../support/bench-context.ts';
import { findViolations } from '../support/bounds.ts';
import { countEvents, type Execution, measureBytes, measureReceipts } from '../support/histories.ts';
import { startTools, writeToolsFile } from '../support/servers.ts';
import { growthExponent, median, round } from '../support/statistics.ts';
import { measureFlatness } from './flatness.ts';
import { w600Texts } from './recorded-texts.ts';
import { measureReplay } from './replay.ts';
import { measureStorageRun, type StorageRun } from './storage-run.ts';

/** How large the bench is; W600 is 600 turns. */
export interface HistoryOptions {
  readonly turns: number;
  /** Alternated runs for the flatness of a turn's time. */
  readonly pairs: number;
}

/** The run against which growth is measured has a fourth of the turns: 150 of 600. */
const growthFactor = 4;
const stepActivities = new Set(['callModel', 'callTool']);

/** The figures of one run's histories. */
function describeChain(chain: readonly Execution[], turns: number) {
  const receipts = measureReceipts(chain, stepActivities);
  return {
    eventsPerTurn: round(chain.reduce((sum, execution) => sum + countEvents(execution), 0) / turns),
    historyBytesPerTurn: round(chain.reduce((sum, execution) => sum + measureBytes(execution), 0) / turns, 1),
    receiptMedianBytes: median(receipts),
    receiptMaxBytes: Math.max(...receipts),
    executions: chain.length,
    worstReplayEvents: Math.max(...chain.map(countEvents)),
  };
}

function toPoint({ turns, stored }: StorageRun): { readonly x: number; readonly y: number } {
  return { x: turns, y: stored.bytes };
}

/** The figures of what is on disk. */
function describeStorage(small: StorageRun, large: StorageRun) {
  const unique = large.texts.bytes;
  return {
    storedExponent: round(growthExponent(toPoint(small), toPoint(large))),
    storedRatio: round(large.stored.bytes / unique),
    storedRatioUncompressed: round(large.stored.plainBytes / unique),
    storedBytes: large.stored.bytes,
    databaseBytes: large.stored.databaseBytes,
    allocatedBytes: large.stored.allocatedBytes,
    walBytes: large.walBytes,
    uniqueBytes: unique,
  };
}

/** Is what was recorded the workload, byte for byte? Known for 600 turns only. */
function checkTexts({ turns, texts }: StorageRun): string[] {
  if (turns !== w600Texts.turns) return [];
  if (texts.sha256 === w600Texts.sha256 && texts.bytes === w600Texts.bytes) return [];
  return [`textsSha256 is ${texts.sha256} over ${texts.bytes} bytes, the workload's is ${w600Texts.sha256}`];
}

/** The execution with the longest history. */
function findWorst(chain: readonly Execution[]): Execution {
  const worst = chain.toSorted((left, right) => countEvents(right) - countEvents(left))[0];
  if (worst === undefined) throw new Error('the run has no history');
  return worst;
}

/** W600 through the real stack: what it leaves in history and on disk, how it replays, how flat its turns are. */
export async function runHistoryBench(context: BenchContext, { turns, pairs }: HistoryOptions) {
  await using ends = new AsyncDisposableStack();
  const tools = await startTools(context);
  ends.defer(() => tools.stop());
  const toolsFile = await writeToolsFile(context, tools.url);
  const smallTurns = Math.max(1, Math.round(turns / growthFactor));
  context.report(`storage: a run of ${smallTurns} turns on a fresh database`);
  const small = await measureStorageRun(context, { turns: smallTurns, toolsFile });
  context.report(`storage and history: a run of ${turns} turns on a fresh database`);
  const large = await measureStorageRun(context, { turns, toolsFile });
  context.report('replay: the worst execution beside 7,205 bare events');
  const replay = await measureReplay(context, findWorst(large.chain));
  context.report(`flatness: ${pairs} alternated pairs of ${turns} turns`);
  const flat = await measureFlatness(context, { turns, pairs, toolsFile, toolServerUrl: tools.url });
  const history = describeChain(large.chain, turns);
  const storage = describeStorage(small, large);
  const replayRatio = round(replay.worstReplayMs / replay.bareReplayMs);
  const decile = round(flat.lastOverFirstDecile);
  const decileVsBare = round(flat.lastOverFirstDecile / flat.bareLastOverFirstDecile);
  const violations = [
    ...findViolations([
      { field: 'eventsPerTurn', value: history.eventsPerTurn, atMost: 12.2 },
      { field: 'historyBytesPerTurn', value: history.historyBytesPerTurn, atMost: 3_200 },
      { field: 'receiptMedianBytes', value: history.receiptMedianBytes, atMost: 400 },
      { field: 'receiptMaxBytes', value: history.receiptMaxBytes, atMost: 2_048 },
      { field: 'storedExponent', value: storage.storedExponent, atMost: 1.02 },
      { field: 'storedRatio', value: storage.storedRatio, atMost: 1.05 },
      { field: 'worstReplayEvents', value: history.worstReplayEvents, atMost: 900 },
      { field: 'replayRatio', value: replayRatio, atMost: 0.2 },
      { field: 'lastOverFirstDecile', value: decile, atMost: 1.2 },
      { field: 'lastOverFirstDecileVsBare', value: decileVsBare, atMost: 1.1 },
    ]),
    ...checkTexts(large),
  ];
  return {
    bench: 'history' as const,
    ok: violations.length === 0,
    violations,
    turns,
    ...history,
    ...storage,
    replayRatio,
    worstReplayMs: round(replay.worstReplayMs, 1),
    bareReplayMs: round(replay.bareReplayMs, 1),
    bareReplayEvents: replay.bareEvents,
    lastOverFirstDecile: decile,
    lastOverFirstDecileVsBare: decileVsBare,
    bareLastOverFirstDecile: round(flat.bareLastOverFirstDecile),
    pairs,
    msPerTurn: round(flat.msPerTurn, 1),
    bareMsPerTurn: round(flat.bareMsPerTurn, 1),
    textsSha256: large.texts.sha256,
  };
}
