import type { TurnPrompt } from '../../domain/pool/cost-model.ts';
import { BlockCache, BlockChain } from './block-cache.ts';

/** A replica's cache. */
export interface CacheSize {
  /** Tokens that it holds. */
  readonly tokens: number;
  /** Tokens of a block: a block that is not full is not found again. */
  readonly blockTokens: number;
}

/** What a call found. */
export interface CacheHit {
  readonly hitTokens: number;
  readonly freshTokens: number;
}

interface Visit {
  readonly chain: BlockChain;
  /** Leading tokens that the run's latest prompt shares with what was computed here. */
  sharedTokens: number;
}

/** One simulated replica: what of a prompt it has, and what it must compute. */
export class CachedReplica {
  readonly cache: BlockCache;
  readonly #blockTokens: number;
  readonly #visits = new Map<string, Visit>();
  readonly #commonTokens: number;
  #hasCommon = false;

  /** `commonTokens`: leading tokens that all runs share, such as the system prompt; kept for ever once computed. */
  constructor({ tokens, blockTokens }: CacheSize, commonTokens = 0) {
    this.#blockTokens = blockTokens;
    this.#commonTokens = commonTokens;
    this.cache = new BlockCache(Math.floor(tokens / blockTokens));
  }

  /** A turn of a run is computed here or elsewhere: what was computed here may share less with it. */
  note(run: string, prompt: TurnPrompt): void {
    const visit = this.#visits.get(run);
    if (visit !== undefined) visit.sharedTokens = Math.min(visit.sharedTokens, prompt.sharedTokens);
  }

  /** Computes a turn of a run, reply included. */
  call(run: string, prompt: TurnPrompt, replyTokens: number): CacheHit {
    const visit = this.#visits.get(run) ?? { chain: new BlockChain(), sharedTokens: 0 };
    this.#visits.set(run, visit);
    const shared = Math.floor(Math.min(visit.sharedTokens, prompt.promptTokens) / this.#blockTokens);
    const kept = this.cache.held(visit.chain, shared);
    const common = this.#hasCommon ? Math.min(this.#commonTokens, prompt.promptTokens) : 0;
    const hitTokens = Math.max(kept * this.#blockTokens, common);
    this.#hasCommon = true;
    const computed = prompt.promptTokens + replyTokens;
    this.cache.use(visit.chain, kept, Math.floor(computed / this.#blockTokens));
    visit.sharedTokens = Number.POSITIVE_INFINITY;
    return { hitTokens, freshTokens: prompt.promptTokens - hitTokens };
  }
}
