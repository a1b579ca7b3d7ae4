import { AppError } from '../../domain/errors.ts';
import { readExposition, type Sample } from '../../domain/pool/exposition.ts';
import { exitCodes } from '../exit-codes.ts';
import { toSafeText } from '../safe-text.ts';
import type { Terminal } from '../terminal.ts';

/** The flags of `pool status`. */
export interface StatusOptions {
  /** The pools file; else `LONGHAUL_MODEL_POOLS_FILE`. */
  readonly file?: string;
  /** Health address of a model worker, for what it has seen. */
  readonly worker?: string;
  readonly json?: boolean;
}

/** What a worker says of a pool's runs. */
interface RunStatus {
  readonly pool: string;
  readonly run: string;
  readonly tenant: string;
  readonly calls: number;
  readonly cachedShare: number | null;
  readonly firstByteSeconds: number | null;
  readonly costMicroUsd: number | null;
  readonly moves: number;
}

/** What a worker has seen. */
interface WorkerStatus {
  readonly moves: readonly {
    readonly from: string;
    readonly to: string;
    readonly reason: string;
    readonly count: number;
  }[];
  /** Mean seconds in the engine's queue, by queue. */
  readonly queueSeconds: Readonly<Record<string, number>>;
  readonly residents: Readonly<Record<string, number>>;
  readonly parked: number;
  readonly runs: readonly RunStatus[];
}

const workerMs = 5_000;

function sum(samples: readonly Sample[]): number {
  return samples.reduce((total, { value }) => total + value, 0);
}

function readRuns(samples: readonly Sample[]): RunStatus[] {
  const named = (name: string, run: string | undefined) =>
    samples.filter((sample) => sample.name === name && sample.labels['run'] === run);
  const calls = samples.filter(({ name }) => name === 'longhaul_run_calls_total');
  return calls.map(({ labels, value }) => {
    const run = labels['run'];
    const prompt = sum(named('longhaul_run_prompt_tokens_total', run));
    const cost = named('longhaul_run_cost_micro_usd_total', run);
    return {
      pool: labels['pool'] ?? '',
      run: run ?? '',
      tenant: labels['tenant'] ?? '',
      calls: value,
      cachedShare: prompt > 0 ? sum(named('longhaul_run_cached_tokens_total', run)) / prompt : null,
      firstByteSeconds: named('longhaul_run_first_byte_seconds', run)[0]?.value ?? null,
      costMicroUsd: cost.length === 0 ? null : sum(cost),
      moves: sum(named('longhaul_run_moves_total', run)),
    };
  });
}

function readWorker(text: string): WorkerStatus {
  const samples = readExposition(text);
  const named = (name: string) => samples.filter((sample) => sample.name === name);
  const lanes = [...new Set(named('longhaul_pool_queue_seconds_count').map(({ labels }) => labels['lane'] ?? ''))];
  const ofLane = (name: string, lane: string) => sum(named(name).filter(({ labels }) => labels['lane'] === lane));
  return {
    moves: named('longhaul_pool_moves_total').map(({ labels, value }) => ({
      from: labels['from'] ?? '',
      to: labels['to'] ?? '',
      reason: labels['reason'] ?? '',
      count: value,
    })),
    queueSeconds: Object.fromEntries(
      lanes.map((lane) => [
        lane,
        ofLane('longhaul_pool_queue_seconds_sum', lane) / ofLane('longhaul_pool_queue_seconds_count', lane),
      ]),
    ),
    residents: Object.fromEntries(
      named('longhaul_pool_resident_runs').map(({ labels, value }) => [labels['state'] ?? '', value]),
    ),
    parked: sum(named('longhaul_pool_parked_total')),
    runs: readRuns(samples),
  };
}

async function askWorker(address: string): Promise<WorkerStatus> {
  const url = new URL('/metrics', address);
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(workerMs) });
    return readWorker(await response.text());
  } catch (cause) {
    throw new AppError('Config.Invalid', {
      what: `no metrics at ${url.href}`,
      mend: 'Give the health address that the model worker logs at its start, such as http://127.0.0.1:9090.',
      cause,
    });
  }
}

const share = (value: number | null): string => (value === null ? '–' : `${(100 * value).toFixed(1)} %`);
const count = (value: number | null): string => (value === null ? '–' : String(Math.round(value)));
const seconds = (value: number | null): string => (value === null ? '–' : `${value.toFixed(2)} s`);

type Rows = readonly (readonly string[])[];

/** Columns as wide as their widest value. */
function toTable(rows: Rows): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((value, column) => value.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function workerLines({ moves, queueSeconds, residents, parked, runs }: WorkerStatus): string[] {
  const queues = Object.entries(queueSeconds).map(([lane, mean]) => `${lane} ${seconds(mean)}`);
  const held = Object.entries(residents).map(([state, value]) => `${value} ${state}`);
  return [
    '',
    `queue: ${queues.join(', ') || 'nothing yet'}; runs that hold a cache: ${held.join(', ') || 'none'}; told to wait: ${parked}`,
    ...moves.map(({ from, to, reason, count: times }) => `moved: ${times} from ${from} to ${to} (${reason})`),
    '',
    ...toTable([
      ['RUN', 'TENANT', 'CALLS', 'CACHED', 'FIRST BYTE', 'MICRO-USD', 'MOVES'],
      ...runs.map((run) => [
        run.run,
        run.tenant,
        count(run.calls),
        share(run.cachedShare),
        seconds(run.firstByteSeconds),
        count(run.costMicroUsd),
        count(run.moves),
      ]),
    ]),
  ];
}

/** Prints how the replicas of a pools file stand and, with a worker's address, what that worker has seen. */
export async function poolStatus(terminal: Terminal, options: StatusOptions): Promise<number> {
  const file = options.file ?? terminal.env['LONGHAUL_MODEL_POOLS_FILE'];
  if (file === undefined || file === '') {
    throw new AppError('Config.Invalid', {
      what: 'no pools file is named',
      mend: 'Give --file, or set LONGHAUL_MODEL_POOLS_FILE.',
    });
  }
  const { readPoolStatus } = await import('../../workers/compose/pool-status.ts');
  const pools = await readPoolStatus(file, terminal.env);
  const worker = options.worker === undefined ? null : await askWorker(options.worker);
  if (options.json === true) {
    terminal.print(JSON.stringify({ pools, worker }));
    return exitCodes.ok;
  }
  const rows = pools.flatMap(({ pool, replicas }) =>
    replicas.map((each) => [
      pool,
      each.replica,
      each.draining ? `${each.state}, draining` : each.state,
      each.engine === null ? '–' : `${each.engine} ${each.version ?? ''}`.trim(),
      count(each.running),
      count(each.waiting),
      share(each.kvUsage),
      count(each.kvTokens),
      share(each.cachedShare),
      count(each.preemptions),
    ]),
  );
  const head = [
    'POOL',
    'REPLICA',
    'STATE',
    'SERVER',
    'RUNNING',
    'WAITING',
    'KV USED',
    'KV TOKENS',
    'CACHED',
    'PREEMPTED',
  ];
  for (const line of toTable([head, ...rows])) terminal.print(toSafeText(line));
  if (worker !== null) for (const line of workerLines(worker)) terminal.print(toSafeText(line));
  return exitCodes.ok;
}
