/** What happens at a time. */
export interface TimedEvent<T> {
  readonly at: number;
  readonly value: T;
}

/** Events by time, the earliest first; those of one time in the order in which they were added. */
export class EventQueue<T> {
  readonly #heap: (TimedEvent<T> & { readonly order: number })[] = [];
  #added = 0;

  get size(): number {
    return this.#heap.length;
  }

  add(at: number, value: T): void {
    const heap = this.#heap;
    const event = { at, value, order: this.#added };
    this.#added += 1;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, event)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = event;
  }

  next(): TimedEvent<T> | null {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return null;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(event: TimedEvent<T> & { readonly order: number }): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (isBefore(event, child)) break;
      heap[index] = child;
      index = 2 * index + (isRight ? 2 : 1);
    }
    heap[index] = event;
  }
}

interface Ordered {
  readonly at: number;
  readonly order: number;
}

function isBefore(left: Ordered, right: Ordered): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}
