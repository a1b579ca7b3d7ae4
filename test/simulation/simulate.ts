import { type Sabotage, World } from './world.ts';

/** What many seeds came to. */
export interface Simulation {
  readonly seeds: number;
  readonly crashes: number;
  readonly freezes: number;
  readonly closings: number;
  readonly resets: number;
  /** The first seeds that broke an invariant, each with what it broke; running that seed alone breaks it again. */
  readonly broken: readonly { readonly seed: number; readonly violations: readonly string[] }[];
}

export interface SimulationOptions {
  readonly from: number;
  readonly seeds: number;
  readonly sabotage?: Sabotage;
  /** Stop at the first seed that breaks an invariant. */
  readonly untilBroken?: boolean;
}

/** Worlds that are alive at once: they share the turns of the event loop, which cost more than what happens in them. */
const atOnce = 256;
const maxBroken = 20;

/** Lets everything that was answered go on before the next thing happens. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Simulates a range of seeds; each is a world of its own, the same in every run. */
export async function simulate(options: SimulationOptions): Promise<Simulation> {
  const { from, seeds, sabotage = {}, untilBroken = false } = options;
  const total = { seeds: 0, crashes: 0, freezes: 0, closings: 0, resets: 0 };
  const broken: Simulation['broken'][number][] = [];
  const alive = new Map<number, World>();
  let next = from;
  const bury = (seed: number, { violations, ...counts }: World['result']): void => {
    alive.delete(seed);
    total.seeds += 1;
    for (const name of ['crashes', 'freezes', 'closings', 'resets'] as const) total[name] += counts[name];
    if (violations.length > 0 && broken.length < maxBroken) broken.push({ seed, violations });
  };
  for (;;) {
    while (alive.size < atOnce && next < from + seeds) alive.set(next, new World(next++, sabotage));
    if (alive.size === 0 || (untilBroken && broken.length > 0)) return { ...total, broken };
    await settle();
    for (const [seed, world] of alive) if (world.step() || world.violations.length > 0) bury(seed, world.result);
  }
}
