import type { ScenarioInput } from '../../infra/dev/model-server/scenario.ts';
import { listScheduled } from '../support/histories.ts';
import { firstAfter, type Subject } from './subject.ts';

const activityLimitMs = 1_000;
const orchestratorLimitMs = 1_500;

/** How long a call lasts that is killed: longer than the longest wait before the kill. */
const slowMs = 1_500;
const spreadMs = 600;
/** How long a call lasts while the orchestrator is killed: shorter than its recovery, so that it ends before it. */
const briefMs = 250;

function loop(turns: number, ms: number): Extract<ScenarioInput, { generate: 'loop' }> {
  const call = { server: 'bench', tool: 'slow', arguments: { ms } };
  return { generate: 'loop', turns, tools: [call] };
}

/** Killed while the third model call hangs; the server answers it at once when it is asked again. */
const model: Subject = {
  pool: 'model',
  others: ['orchestrator', 'tools'],
  tools: ['slow'],
  scenario: { ...loop(4, 0), faults: [{ at: 2, hang: { times: 1 } }] },
  limitMs: activityLimitMs,
  isMoment: async ({ arrivals }) => {
    const { model: requests } = await arrivals();
    return requests.length === 3 && requests.at(-1)?.outcome === 'open' ? true : null;
  },
  spreadMs,
  findNextCall: async (_scene, { kill, arrivals }) => firstAfter(arrivals.model, kill.atMs),
};

/** Killed while the tool works. */
const tools: Subject = {
  pool: 'tools',
  others: ['orchestrator', 'model'],
  tools: ['slow'],
  scenario: loop(1, slowMs),
  limitMs: activityLimitMs,
  isMoment: async ({ arrivals }) => ((await arrivals()).tool.at(-1)?.outcome === 'open' ? true : null),
  spreadMs,
  findNextCall: async (_scene, { kill, arrivals }) => firstAfter(arrivals.tool, kill.atMs),
};

/** Killed while the reader model reads a fetched page; the next call fetches the page again. */
function createWeb(pageUrl: string): Subject {
  const call = {
    server: 'jina_scrape_llm_summary',
    tool: 'scrape_and_extract_info',
    arguments: { url: pageUrl, info_to_extract: 'what the page is about' },
  };
  return {
    pool: 'web',
    others: ['orchestrator', 'model'],
    tools: ['scrape_and_extract_info'],
    scenario: { generate: 'loop', turns: 1, tools: [call], reader: { text: 'It is about islands.', delayMs: slowMs } },
    limitMs: activityLimitMs,
    isMoment: async ({ arrivals }) => {
      const reading = (await arrivals()).model.find((entry) => entry.session === null && entry.outcome === 'open');
      return reading === undefined ? null : true;
    },
    spreadMs,
    findNextCall: async (_scene, { kill, arrivals }) => firstAfter(arrivals.page, kill.atMs),
  };
}

/** Slots of the run that the sandbox is killed in: model, create, model, command. */
const askedSeq = 2;
const commandSeq = 3;

/** Killed while a command runs; the command prints when it began, and only the second one is recorded. */
const sandbox: Subject = {
  pool: 'sandbox',
  others: ['orchestrator', 'model'],
  tools: ['create_sandbox', 'run_command'],
  scenario: {
    replies: [
      { calls: [{ server: 'tool-python', tool: 'create_sandbox' }] },
      {
        calls: [
          {
            server: 'tool-python',
            tool: 'run_command',
            arguments: { command: `date +%s%3N; sleep ${slowMs / 1_000}`, sandbox_id: 'sbx_0001' },
          },
        ],
      },
      { text: 'It is done.' },
    ],
    final: { text: 'It is done. \\boxed{done}' },
  },
  limitMs: activityLimitMs,
  isMoment: async ({ run, runs, pool }) => {
    if ((await runs.storage.trajectory.readStep({ ...run, seq: askedSeq })) === null) return null;
    return (await pool.health()).inFlight === 1 ? true : null;
  },
  spreadMs,
  findNextCall: async ({ run, runs }, { kill }) => {
    const step = await runs.storage.trajectory.readStep({ ...run, seq: commandSeq });
    const said = step === null ? null : await runs.storage.trajectory.readText(run.tenant, step, 'observation');
    const startedAt = Number(/stdout='(\d{13})/u.exec(said ?? '')?.[1]);
    return firstAfter([{ at: startedAt }], kill.atMs);
  },
};

/**
 * Killed at a random moment of a run whose steps take a quarter of a second; the next call is the first one that a new
 * orchestrator decided on, so that one which was on its way at the kill does not count.
 */
const orchestrator: Subject = {
  pool: 'orchestrator',
  others: ['model', 'tools'],
  tools: ['slow'],
  scenario: { ...loop(8, briefMs), delayMs: briefMs },
  limitMs: orchestratorLimitMs,
  isMoment: async ({ arrivals }) => ((await arrivals()).model.length >= 2 ? true : null),
  spreadMs: 4 * briefMs,
  findNextCall: async (_scene, { kill, arrivals, chain }) => {
    const decided = listScheduled(chain).find(
      ({ scheduledAtMs, decidedBy }) => scheduledAtMs > kill.atMs && !decidedBy.endsWith(`:${kill.workerPid}`),
    );
    if (decided === undefined) throw new Error('no step was decided on after the kill');
    const calls = [...arrivals.model, ...arrivals.tool].toSorted((left, right) => left.at - right.at);
    // Arrivals are logged in whole milliseconds.
    return firstAfter(calls, Math.floor(decided.scheduledAtMs) - 1);
  },
};

/** Every pool, in the order in which it is killed. */
export function listSubjects(pageUrl: string): readonly Subject[] {
  return [model, createWeb(pageUrl), sandbox, tools, orchestrator];
}
