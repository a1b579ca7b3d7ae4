import type { RequestOutcome } from '../http-server/request-log.ts';

/** What the metrics are counted from. */
interface CountedRequest {
  readonly outcome: RequestOutcome;
  readonly promptTokens: number;
  readonly cachedTokens: number;
}

/** The requests of a server as vLLM's metrics tell of them; caches are estimated, as in `usage`. */
export function toMetrics(entries: readonly CountedRequest[]): string {
  const sum = (field: 'promptTokens' | 'cachedTokens'): number =>
    entries.reduce((total, entry) => total + entry[field], 0);
  const running = entries.filter(({ outcome }) => outcome === 'open').length;
  const values = {
    'vllm:num_requests_running': running,
    'vllm:num_requests_waiting': 0,
    'vllm:prompt_tokens_total': sum('promptTokens'),
    'vllm:prefix_cache_queries_total': sum('promptTokens'),
    'vllm:prefix_cache_hits_total': sum('cachedTokens'),
  };
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('');
}
