/**
 * The engine's task queue as it dispatches tasks of one priority: tenants in turn, each tenant's tasks in their order.
 *
 * A tenant that comes anew begins at the turn that the others are at, so that nobody saves up turns. That the real one does so is shown by
 * a test on the real server; here it is modelled.
 */
export class FairQueue<T> {
  readonly #tenants = new Map<string, { readonly tasks: T[]; turn: number }>();
  #turn = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(tenant: string, task: T): void {
    const known = this.#tenants.get(tenant);
    this.#size += 1;
    if (known === undefined) {
      this.#tenants.set(tenant, { tasks: [task], turn: this.#turn });
      return;
    }
    if (known.tasks.length === 0) known.turn = Math.max(known.turn, this.#turn);
    known.tasks.push(task);
  }

  next(): T | null {
    let first: { readonly tasks: T[]; turn: number } | null = null;
    for (const tenant of this.#tenants.values()) {
      if (tenant.tasks.length > 0 && (first === null || tenant.turn < first.turn)) first = tenant;
    }
    const task = first?.tasks.shift();
    if (first === null || task === undefined) return null;
    this.#turn = first.turn;
    first.turn += 1;
    this.#size -= 1;
    return task;
  }
}
