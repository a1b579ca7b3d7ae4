/** A run that waits to be let in. */
export interface WaitingRun {
  readonly tenant: string;
  readonly at: number;
}

interface Flow {
  readonly arrivals: readonly number[];
  /** Runs let in so far, in parts. */
  served: number;
  /** Runs that have come so far. */
  come: number;
}

/**
 * How long each tenant's runs would wait on average if the pool let them in as a fluid: at a fixed rate, shared equally among the
 * tenants that have somebody waiting, each tenant's runs in their order. Nobody can have more than that without taking it from another.
 *
 * @param perSecond runs that the pool can let in
 */
export function fairWaits(runs: readonly WaitingRun[], perSecond: number): ReadonlyMap<string, number> {
  const flows = new Map<string, Flow>();
  for (const tenant of new Set(runs.map((run) => run.tenant))) {
    const arrivals = runs.filter((run) => run.tenant === tenant).map(({ at }) => at);
    flows.set(tenant, { arrivals: arrivals.toSorted((left, right) => left - right), served: 0, come: 0 });
  }
  const waited = new Map([...flows.keys()].map((tenant) => [tenant, 0]));
  for (let now = 0; [...flows.values()].some(({ served, arrivals }) => served < arrivals.length - 1e-9);) {
    for (const flow of flows.values()) while ((flow.arrivals[flow.come] ?? Infinity) <= now) flow.come += 1;
    const active = [...flows].filter(([, { served, come }]) => served < come - 1e-9);
    const nextArrival = Math.min(...[...flows.values()].map(({ arrivals, come }) => arrivals[come] ?? Infinity));
    if (active.length === 0) {
      now = nextArrival;
      continue;
    }
    const rate = perSecond / active.length;
    // Until somebody comes, or the first of the active tenants has let its next run in.
    const nextEntry = Math.min(...active.map(([, { served }]) => (Math.floor(served + 1e-9) + 1 - served) / rate));
    const seconds = Math.min(nextArrival - now, nextEntry);
    for (const [tenant, flow] of active) {
      // A run's wait ends when its own entry begins, that is with the entry of the one before it.
      const waiting = flow.come - Math.ceil(flow.served + 1e-9);
      waited.set(tenant, (waited.get(tenant) ?? 0) + Math.max(0, waiting) * seconds);
      flow.served += rate * seconds;
    }
    now += seconds;
  }
  return new Map([...waited].map(([tenant, sum]) => [tenant, sum / (flows.get(tenant)?.arrivals.length ?? 1)]));
}
