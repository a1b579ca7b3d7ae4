/** The rank of a run of bytes, each byte a character; undefined where it is no token. */
export type Ranks = ReadonlyMap<string, number>;

/** Pieces up to this length are merged by looking at every pair again and again, which is faster for short ones. */
const maxSimpleBytes = 500;

/** Merges the lowest-ranked pair, the leftmost of several, until none is left; gives how many parts remain. Quadratic. */
export function countBySearch(piece: string, ranks: Ranks): number {
  const starts = Array.from({ length: piece.length + 1 }, (_, index) => index);
  for (;;) {
    let best = Infinity;
    let at = -1;
    for (let index = 0; index + 2 < starts.length; index += 1) {
      const rank = ranks.get(piece.slice(starts[index], starts[index + 2]));
      if (rank !== undefined && rank < best) {
        best = rank;
        at = index;
      }
    }
    if (at < 0) return starts.length - 1;
    starts.splice(at + 1, 1);
  }
}

/** Room for a position in a heap's number, above which its rank stands. */
const positions = 2 ** 32;

/** Puts a number into a heap whose smallest comes first. */
function push(heap: number[], value: number): void {
  let index = heap.length;
  heap.push(value);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent] ?? 0;
    if (above <= value) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = value;
}

/** Takes the smallest number out of a heap. */
function pop(heap: number[]): number | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return first;
  let index = 0;
  for (let child = 1; child < heap.length; child = 2 * index + 1) {
    if ((heap[child + 1] ?? Infinity) < (heap[child] ?? Infinity)) child += 1;
    const smaller = heap[child] ?? Infinity;
    if (smaller >= last) break;
    heap[index] = smaller;
    index = child;
  }
  heap[index] = last;
  return first;
}

/** The same merges with a heap of pairs, by rank and then by position, over a chain of parts: n log n. */
export function countByHeap(piece: string, ranks: Ranks): number {
  const size = piece.length;
  // By the position where a part starts: where it ends, where the one before it starts, and the rank of it with the next one.
  const ends = Int32Array.from({ length: size }, (_, index) => index + 1);
  const befores = Int32Array.from({ length: size + 1 }, (_, index) => index - 1);
  const pairRanks = new Int32Array(size).fill(-1);
  const heap: number[] = [];
  const offer = (start: number): void => {
    const middle = ends[start] ?? size;
    const rank = middle < size ? ranks.get(piece.slice(start, ends[middle])) : undefined;
    pairRanks[start] = rank ?? -1;
    if (rank !== undefined) push(heap, rank * positions + start);
  };
  for (let start = 0; start < size; start += 1) offer(start);
  let parts = size;
  for (let pair = pop(heap); pair !== undefined; pair = pop(heap)) {
    const start = pair % positions;
    // A pair whose parts have been merged with others since is stale.
    if (pairRanks[start] !== (pair - start) / positions) continue;
    const middle = ends[start] ?? size;
    const end = ends[middle] ?? size;
    ends[start] = end;
    befores[end] = start;
    pairRanks[middle] = -1;
    parts -= 1;
    offer(start);
    const before = befores[start] ?? -1;
    if (before >= 0) offer(before);
  }
  return parts;
}

/** How many tokens byte pair encoding makes of a piece. */
export function countPiece(piece: string, ranks: Ranks): number {
  if (ranks.has(piece)) return 1;
  return piece.length <= maxSimpleBytes ? countBySearch(piece, ranks) : countByHeap(piece, ranks);
}
