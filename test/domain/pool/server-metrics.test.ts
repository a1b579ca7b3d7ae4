import { describe, expect, it } from 'vitest';
import { parseServerMetrics } from '../../../domain/pool/server-metrics.ts';

const nothing = {
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

describe('metrics of a model server', () => {
  it.each(['', '_total'])('vLLM, counters written with %j: all fields', (suffix) => {
    const text = `# HELP vllm:num_requests_running Running.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.41
vllm:prefix_cache_queries${suffix}{engine="0",model_name="m"} 1.2e+06
vllm:prefix_cache_hits${suffix}{engine="0",model_name="m"} 1100000.0
vllm:num_preemptions${suffix}{engine="0",model_name="m"} 4.0
vllm:prompt_tokens${suffix}{engine="0",model_name="m"} 1200000.0
vllm:generation_tokens${suffix}{engine="0",model_name="m"} 9000.0
vllm:cache_config_info{block_size="16",cache_dtype="auto",num_gpu_blocks="50517"} 1.0
`;
    expect(parseServerMetrics(text)).toEqual({
      running: 3,
      waiting: 2,
      kvUsage: 0.41,
      prefixQueriedTokens: 1_200_000,
      prefixHitTokens: 1_100_000,
      preemptions: 4,
      promptTokens: 1_200_000,
      generatedTokens: 9_000,
      kvTokens: 808_272,
    });
  });

  it('two engines in one server: requests are added, the fuller cache counts', () => {
    const text = `vllm:num_requests_running{engine="0"} 3\nvllm:num_requests_running{engine="1"} 5\nvllm:kv_cache_usage_perc{engine="0"} 0.2\nvllm:kv_cache_usage_perc{engine="1"} 0.9\n`;
    expect(parseServerMetrics(text)).toMatchObject({ running: 8, kvUsage: 0.9, waiting: null });
  });

  it('SGLang: its own names', () => {
    const text = `sglang:num_running_reqs{model_name="m"} 2\nsglang:num_queue_reqs{model_name="m"} 1\nsglang:token_usage{model_name="m"} 0.5\nsglang:max_total_num_tokens{model_name="m"} 700000\n`;
    expect(parseServerMetrics(text)).toMatchObject({ running: 2, waiting: 1, kvUsage: 0.5, kvTokens: 700_000 });
  });

  it('llama.cpp: its own names', () => {
    const text = `llamacpp:requests_processing 1\nllamacpp:requests_deferred 0\nllamacpp:prompt_tokens_total 12\nllamacpp:tokens_predicted_total 34\n`;
    expect(parseServerMetrics(text)).toMatchObject({ running: 1, waiting: 0, promptTokens: 12, generatedTokens: 34 });
  });

  it.each(['', '<html>not found</html>', 'vllm:num_requests_running{ NaN', '{"a":1}', 'x'.repeat(100_000)])(
    'what is no exposition: nothing is known',
    (text) => {
      expect(parseServerMetrics(text)).toEqual(nothing);
    },
  );
});
