import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const secondsBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

const replica = ['pool', 'replica'] as const;
const run = ['pool', 'run', 'tenant'] as const;

/** All series that calls of a pool write. */
export function createPoolSeries(registry: Registry) {
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: readonly string[]) =>
    new Counter({ name, help, labelNames: [...labelNames], registers });
  const histogram = (name: string, help: string, labelNames: readonly string[]) =>
    new Histogram({ name, help, labelNames: [...labelNames], buckets: secondsBuckets, registers });
  const moveHelp = 'runs that left the replica with their prefix: each costs one cold prefill';
  const spoiledHelp = 'prompts that differ from the one before other than by masking: their prefix is lost';
  const queueHelp = "time in the engine's queue before a worker took the call";
  const runCached = 'prompt tokens of a run that a prefix cache served';
  const firstByteHelp = "time to the first byte of a run's last call";
  return {
    pool: {
      calls: counter('longhaul_pool_calls_total', 'model calls by how they ended', [...replica, 'outcome']),
      choices: counter('longhaul_pool_choices_total', 'calls by why their replica was chosen', [...replica, 'reason']),
      moves: counter('longhaul_pool_moves_total', moveHelp, ['pool', 'from', 'to', 'reason']),
      parked: counter('longhaul_pool_parked_total', 'calls that were told to wait for room in the KV cache', ['pool']),
      spoiled: counter('longhaul_pool_spoiled_prompts_total', spoiledHelp, ['pool']),
      input: counter('longhaul_pool_prompt_tokens_total', 'prompt tokens', replica),
      cached: counter('longhaul_pool_cached_tokens_total', 'prompt tokens that a prefix cache served', replica),
      output: counter('longhaul_pool_completion_tokens_total', 'completion tokens', replica),
      cost: counter('longhaul_pool_cost_micro_usd_total', "cost at the pool's own prices", replica),
    },
    run: {
      calls: counter('longhaul_run_calls_total', 'model calls of a run', run),
      input: counter('longhaul_run_prompt_tokens_total', 'prompt tokens of a run', run),
      cached: counter('longhaul_run_cached_tokens_total', runCached, run),
      cost: counter('longhaul_run_cost_micro_usd_total', "cost of a run at the pool's own prices", run),
      moves: counter('longhaul_run_moves_total', 'times that a run left its replica', run),
    },
    times: {
      firstByte: histogram('longhaul_pool_first_byte_seconds', 'from request to first byte', replica),
      duration: histogram('longhaul_pool_call_seconds', 'whole calls', replica),
      queue: histogram('longhaul_pool_queue_seconds', queueHelp, ['lane', 'priority']),
    },
    runFirstByte: new Gauge({
      name: 'longhaul_run_first_byte_seconds',
      help: firstByteHelp,
      labelNames: [...run],
      registers,
    }),
  };
}

export type PoolSeries = ReturnType<typeof createPoolSeries>;
