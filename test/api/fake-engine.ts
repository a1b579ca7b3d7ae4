import { AppError } from '../../domain/errors.ts';
import type { Hold } from '../../domain/holds.ts';
import type {
  EngineEvent,
  EngineRun,
  HistoryPage,
  ListedRun,
  PendingActivity,
  RunEngine,
  StartRequest,
} from '../../api/ports.ts';

/** A run inside the fake engine. */
interface FakeRun {
  readonly executions: Map<string, EngineEvent[]>;
  readonly first: string;
  current: string;
  status: EngineRun['status'];
  pending: PendingActivity[];
  told: string | null;
  waitingFor: string | null;
  decision: EngineRun['decision'];
}

/** A declared fake of the engine: histories by hand, long polls that wait, an index, and it can be taken away. */
export interface FakeEngine extends RunEngine {
  readonly runs: Map<string, FakeRun>;
  readonly starts: StartRequest[];
  readonly cancels: string[];
  readonly holds: { readonly runId: string; readonly hold: Hold; readonly updateId: string }[];
  /** Whole histories by run, as JSON. */
  readonly histories: Map<string, string[]>;
  /** What every hold is refused with; null when it is taken. */
  refusal: { readonly rule: string; readonly message: string } | null;
  readonly listed: ListedRun[];
  /** History reads so far, and those that wait just now. */
  readonly reads: { total: number; waiting: number; most: number };
  readonly polls: Map<string, number>;
  isAway: boolean;
  /** Called before a start is done. */
  onStart: () => Promise<void>;
  readonly add: (
    runId: string,
    histories: Readonly<Record<string, EngineEvent[]>>,
    status?: EngineRun['status'],
  ) => FakeRun;
  /** Tells waiting polls that something happened. */
  readonly wake: () => void;
}

/** Events of a page: small, so that every test walks over several. */
const pageEvents = 5;

export function createFakeEngine(): FakeEngine {
  const runs = new Map<string, FakeRun>();
  const wakers = new Set<() => void>();
  const reach = () => {
    if (engine.isAway) throw new AppError('Engine.Unavailable', { what: 'the fake engine was taken away' });
  };
  const changed = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      const done = () => {
        wakers.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      wakers.add(done);
      signal.addEventListener('abort', done);
    });

  const readHistory: RunEngine['readHistory'] = async ({ run, executionId, pageToken, wait, signal }) => {
    engine.reads.total += 1;
    const from = pageToken === null ? 0 : Number(Buffer.from(pageToken).toString());
    for (;;) {
      reach();
      const known = runs.get(run.runId);
      const events = known?.executions.get(executionId);
      if (known === undefined || events === undefined)
        throw new AppError('Input.NotFound', { what: 'no such history' });
      const isPolled = wait && known.current === executionId && known.status === 'running';
      if (from < events.length || !isPolled) return cut(events, from, isPolled);
      engine.reads.waiting += 1;
      engine.reads.most = Math.max(engine.reads.most, engine.reads.waiting);
      await changed(signal);
      engine.reads.waiting -= 1;
      if (signal.aborted) throw new AppError('Engine.Unavailable', { what: 'the poll was given up' });
    }
  };

  const engine: FakeEngine = {
    runs,
    starts: [],
    cancels: [],
    holds: [],
    histories: new Map(),
    refusal: null,
    listed: [],
    reads: { total: 0, waiting: 0, most: 0 },
    polls: new Map(),
    isAway: false,
    onStart: async () => {},
    add: (runId, histories, status = 'running') => {
      const executions = new Map(Object.entries(histories));
      const ids = [...executions.keys()];
      const run: FakeRun = {
        executions,
        first: ids[0] ?? '',
        current: ids.at(-1) ?? '',
        status,
        pending: [],
        told: null,
        waitingFor: null,
        decision: null,
      };
      runs.set(runId, run);
      return run;
    },
    wake: () => {
      for (const waker of wakers) waker();
    },
    start: async (request) => {
      reach();
      engine.starts.push(request);
      await engine.onStart();
      const { runId } = request.run;
      if (runs.has(runId)) return runs.get(runId)?.status === 'running' ? `${runId}-current` : null;
      engine.add(runId, { [`${runId}-first`]: [] });
      return `${runId}-first`;
    },
    describe: async ({ runId }) => {
      reach();
      const run = runs.get(runId);
      if (run === undefined) return null;
      return {
        executionId: run.current,
        firstExecutionId: run.first,
        status: run.status,
        startedAtMs: 1_000,
        closedAtMs: run.status === 'running' ? null : 9_000,
        taskQueue: 'orchestrator',
        profile: 'mirothinker-v1.0',
        question: 'a question of the index',
        told: run.told,
        waitingFor: run.waitingFor,
        pending: run.pending,
        decision: run.decision,
      };
    },
    cancel: async ({ runId }) => {
      reach();
      engine.cancels.push(runId);
      return runs.get(runId)?.status === 'running';
    },
    hold: async ({ runId }, hold, updateId) => {
      reach();
      const run = runs.get(runId);
      if (run === undefined) throw new AppError('Input.NotFound', { what: 'no such run' });
      if (run.status !== 'running') throw new AppError('Run.Ended', { what: 'the run has ended' });
      const refusal = engine.refusal;
      if (refusal !== null) throw new AppError('Run.Conflict', { what: refusal.message, rule: refusal.rule });
      engine.holds.push({ runId, hold, updateId });
    },
    readHistories: async function* ({ runId }) {
      reach();
      yield* engine.histories.get(runId) ?? [];
    },
    list: async ({ above, below, status, maxRuns }) => {
      reach();
      const found = engine.listed.filter(
        (run) => run.runId > above && run.runId < below && (status === null || run.status === status),
      );
      return { runs: found.slice(0, maxRuns), complete: found.length <= maxRuns };
    },
    readHistory,
    lastPollAtMs: async (taskQueue) => engine.polls.get(taskQueue) ?? null,
  };
  return engine;
}

/** The page from an event on; a history that is polled always has a next one. */
function cut(events: readonly EngineEvent[], from: number, isPolled: boolean): HistoryPage {
  const next = Math.min(from + pageEvents, events.length);
  const hasNext = next < events.length || isPolled;
  return { events: events.slice(from, next), nextPageToken: hasNext ? Buffer.from(String(next)) : null };
}
