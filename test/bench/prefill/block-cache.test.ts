import { describe, expect, it } from 'vitest';
import { BlockCache, BlockChain } from '../../../bench/prefill/block-cache.ts';
import { CachedReplica } from '../../../bench/prefill/cached-replica.ts';

describe('a cache of blocks', () => {
  it('room for all: everything stays', () => {
    const cache = new BlockCache(10);
    const [one, other] = [new BlockChain(), new BlockChain()];
    cache.use(one, 0, 6);
    cache.use(other, 0, 4);
    expect([cache.held(one, 6), cache.held(other, 4), cache.evicted]).toEqual([6, 4, 0]);
  });

  it('no room: the one not used for the longest loses its end first', () => {
    const cache = new BlockCache(10);
    const chains = Array.from({ length: 3 }, () => new BlockChain());
    for (const chain of chains.slice(0, 2)) cache.use(chain, 0, 5);
    cache.use(chains[0]!, 5, 5);
    cache.use(chains[2]!, 0, 3);
    expect(chains.map((chain) => cache.held(chain, 5))).toEqual([5, 2, 3]);
    expect(cache.evicted).toBe(3);
  });

  it('a chain that goes on elsewhere: what it leaves behind is lost to it, and given away before newer blocks', () => {
    const cache = new BlockCache(8);
    const chain = new BlockChain();
    cache.use(chain, 0, 6);
    cache.use(chain, 2, 6);
    expect(cache.held(chain, 6)).toBe(6);
    cache.use(new BlockChain(), 0, 2);
    expect(cache.held(chain, 6)).toBe(6);
  });

  it('a limit: no more than that counts as held', () => {
    const cache = new BlockCache(8);
    const chain = new BlockChain();
    cache.use(chain, 0, 8);
    expect(cache.held(chain, 3)).toBe(3);
  });
});

const prompt = (turn: number, promptTokens: number, sharedTokens: number) => ({
  turn,
  promptTokens,
  sharedTokens,
  firstLive: 0,
});

describe('a simulated replica', () => {
  it('a prompt that extends the one before: whole blocks of it and of the reply are found', () => {
    const replica = new CachedReplica({ tokens: 1_600, blockTokens: 16 });
    expect(replica.call('run', prompt(1, 100, 0), 20)).toEqual({ hitTokens: 0, freshTokens: 100 });
    replica.note('run', prompt(2, 300, 120));
    expect(replica.call('run', prompt(2, 300, 120), 20)).toEqual({ hitTokens: 112, freshTokens: 188 });
  });

  it('a turn that was computed elsewhere and masked something: only what came before that is found', () => {
    const replica = new CachedReplica({ tokens: 1_600, blockTokens: 16 });
    replica.call('run', prompt(1, 400, 0), 0);
    replica.note('run', prompt(2, 200, 64));
    replica.note('run', prompt(3, 320, 200));
    expect(replica.call('run', prompt(3, 320, 200), 0)).toEqual({ hitTokens: 64, freshTokens: 256 });
  });
});
