/** No block. */
const none = -1;

/** A conversation's blocks in a cache, in order; whether one is still its own, only the cache knows. */
export class BlockChain {
  slots = new Int32Array(1_024);
  generations = new Uint32Array(1_024);
  length = 0;

  push(slot: number, generation: number): void {
    if (this.length === this.slots.length) {
      this.slots = grow(this.slots, new Int32Array(this.length * 2));
      this.generations = grow(this.generations, new Uint32Array(this.length * 2));
    }
    this.slots[this.length] = slot;
    this.generations[this.length] = generation;
    this.length += 1;
  }
}

function grow<T extends Int32Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/**
 * The KV cache of one replica: a fixed number of blocks, of which the one that was used the longest ago is given away first.
 *
 * As in vLLM, the blocks of a conversation count as used at its end, the last one first, so that a prefix outlives its continuation.
 */
export class BlockCache {
  readonly #previous: Int32Array;
  readonly #next: Int32Array;
  readonly #generation: Uint32Array;
  readonly #head: number;
  readonly #tail: number;
  #evicted = 0;

  constructor(blocks: number) {
    this.#previous = new Int32Array(blocks + 2);
    this.#next = new Int32Array(blocks + 2);
    this.#generation = new Uint32Array(blocks);
    // Two ends, so that a block between them always has neighbours.
    this.#head = blocks;
    this.#tail = blocks + 1;
    for (let slot = none; slot < blocks; slot += 1) {
      const left = slot === none ? this.#head : slot;
      const right = slot + 1 === blocks ? this.#tail : slot + 1;
      this.#next[left] = right;
      this.#previous[right] = left;
    }
  }

  /** Blocks that were taken from conversations. */
  get evicted(): number {
    return this.#evicted;
  }

  /** Leading blocks of a chain that are still there, `limit` at most. */
  held(chain: BlockChain, limit: number): number {
    const end = Math.min(chain.length, limit);
    let count = 0;
    while (count < end && this.#generation[chain.slots[count] ?? 0] === chain.generations[count]) count += 1;
    return count;
  }

  /** Cuts a chain to its first `kept` blocks and gives it new ones up to `length`; all of them are then the latest used. */
  use(chain: BlockChain, kept: number, length: number): void {
    chain.length = kept;
    // Out of the way of what is given away for the new ones.
    for (let index = 0; index < kept; index += 1) this.#touch(chain.slots[index] ?? 0);
    while (chain.length < length) {
      const slot = this.#next[this.#head] ?? 0;
      const generation = ((this.#generation[slot] ?? 0) + 1) >>> 0;
      if (generation > 1) this.#evicted += 1;
      this.#generation[slot] = generation;
      this.#touch(slot);
      chain.push(slot, generation);
    }
    for (let index = chain.length - 1; index >= 0; index -= 1) this.#touch(chain.slots[index] ?? 0);
  }

  #touch(slot: number): void {
    const before = this.#previous[slot] ?? 0;
    const after = this.#next[slot] ?? 0;
    this.#next[before] = after;
    this.#previous[after] = before;
    const last = this.#previous[this.#tail] ?? 0;
    this.#next[last] = slot;
    this.#previous[slot] = last;
    this.#next[slot] = this.#tail;
    this.#previous[this.#tail] = slot;
  }
}
