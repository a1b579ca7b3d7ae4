import { readExposition, type Sample } from './exposition.ts';

/** What a model server says of its own load; null where it does not say. */
export interface ServerLoad {
  readonly running: number | null;
  readonly waiting: number | null;
  /** Part of the KV cache that running requests hold, 0 to 1. */
  readonly kvUsage: number | null;
  /** Prompt tokens looked up in the prefix cache, and those found; since the server started. */
  readonly prefixQueriedTokens: number | null;
  readonly prefixHitTokens: number | null;
  /** Running requests that lost their KV to others; since the server started. */
  readonly preemptions: number | null;
  readonly promptTokens: number | null;
  readonly generatedTokens: number | null;
  /** Blocks of the KV cache and tokens of one; null when it is not told. */
  readonly kvTokens: number | null;
}

/** Samples by name; a counter's name without its `_total`, which servers write or leave out. */
function readSamples(text: string): Map<string, Sample[]> {
  const samples = new Map<string, Sample[]>();
  for (const sample of readExposition(text)) {
    const name = sample.name.replace(/_total$/u, '');
    const known = samples.get(name);
    if (known === undefined) samples.set(name, [sample]);
    else known.push(sample);
  }
  return samples;
}

/** A server that says nothing. */
export const unknownLoad: ServerLoad = {
  running: null,
  waiting: null,
  kvUsage: null,
  prefixQueriedTokens: null,
  prefixHitTokens: null,
  preemptions: null,
  promptTokens: null,
  generatedTokens: null,
  kvTokens: null,
};

/** Several samples of one name belong to several engines (data-parallel ranks) or models of one server. */
type Merge = (values: readonly number[]) => number;
const sum: Merge = (values) => values.reduce((total, value) => total + value, 0);
const largest: Merge = (values) => Math.max(...values);

/** Names by server family: vLLM, SGLang, llama.cpp. */
const names = {
  running: ['vllm:num_requests_running', 'sglang:num_running_reqs', 'llamacpp:requests_processing'],
  waiting: ['vllm:num_requests_waiting', 'sglang:num_queue_reqs', 'llamacpp:requests_deferred'],
  kvUsage: [
    'vllm:kv_cache_usage_perc',
    'vllm:gpu_cache_usage_perc',
    'sglang:token_usage',
    'llamacpp:kv_cache_usage_ratio',
  ],
  prefixQueriedTokens: ['vllm:prefix_cache_queries', 'vllm:gpu_prefix_cache_queries', 'sglang:prompt_tokens'],
  prefixHitTokens: [
    'vllm:prefix_cache_hits',
    'vllm:gpu_prefix_cache_hits',
    'sglang:cached_tokens',
    'llamacpp:prompt_tokens_cached',
  ],
  preemptions: ['vllm:num_preemptions', 'sglang:num_retracted_reqs'],
  promptTokens: ['vllm:prompt_tokens', 'sglang:prompt_tokens', 'llamacpp:prompt_tokens'],
  generatedTokens: ['vllm:generation_tokens', 'sglang:generation_tokens', 'llamacpp:tokens_predicted'],
} as const satisfies Partial<Record<keyof ServerLoad, readonly string[]>>;

function kvTokensOf(samples: ReadonlyMap<string, readonly Sample[]>): number | null {
  const sglang = samples.get('sglang:max_total_num_tokens')?.[0]?.value;
  if (sglang !== undefined) return sglang;
  const labels = samples.get('vllm:cache_config_info')?.[0]?.labels;
  const tokens = Number(labels?.['num_gpu_blocks']) * Number(labels?.['block_size']);
  return Number.isNaN(tokens) ? null : tokens;
}

/**
 * Reads a server's `/metrics`.
 *
 * *Contract:* total: a text that is no exposition gives nulls.
 * *Source:* vLLM's, SGLang's and llama.cpp's metric names; counters with and without `_total`.
 */
export function parseServerMetrics(text: string): ServerLoad {
  const samples = readSamples(text);
  const read = (field: keyof typeof names, merge: Merge): number | null => {
    const found = names[field].map((name) => samples.get(name)).find((each) => each !== undefined);
    return found === undefined ? null : merge(found.map(({ value }) => value));
  };
  return {
    running: read('running', sum),
    waiting: read('waiting', sum),
    kvUsage: read('kvUsage', largest),
    prefixQueriedTokens: read('prefixQueriedTokens', sum),
    prefixHitTokens: read('prefixHitTokens', sum),
    preemptions: read('preemptions', sum),
    promptTokens: read('promptTokens', sum),
    generatedTokens: read('generatedTokens', sum),
    kvTokens: kvTokensOf(samples),
  };
}
