import { z } from 'zod';

/** Who waits for a run: a person, a batch of questions, a training rollout. */
export const priorityClassSchema = z.enum(['interactive', 'batch', 'rollout']);
export type PriorityClass = z.infer<typeof priorityClassSchema>;

/** Keys of the engine's task queues: 1 is served first, 5 last; between them the even ones are for runs about to end. */
const keyOfClass = { interactive: 1, batch: 3, rollout: 5 } as const satisfies Record<PriorityClass, number>;

/** Longest fairness key in bytes. *Source:* the engine's limit. */
const maxFairnessKeyBytes = 64;

/** Order of a task among others, and the tenant that it is counted for. */
export interface TaskPriority {
  readonly priorityKey: number;
  readonly fairnessKey: string;
  readonly fairnessWeight?: number;
}

/** Priority of a run: class first, then tenants in turn. */
export function toRunPriority(run: {
  readonly priorityClass: PriorityClass;
  readonly tenant: string;
  /** Share of the tenant, relative to others; 1 when absent. */
  readonly weight?: number;
}): TaskPriority {
  const bytes = new TextEncoder().encode(run.tenant);
  const fairnessKey = bytes.length <= maxFairnessKeyBytes ? run.tenant : new TextDecoder().decode(bytes.slice(0, 60));
  return {
    priorityKey: keyOfClass[run.priorityClass],
    fairnessKey,
    ...(run.weight === undefined ? {} : { fairnessWeight: run.weight }),
  };
}

/**
 * The key of a call: one better for a run that is about to end, since its end frees more of the cache than any other run's next turn.
 *
 * It never overtakes the class above: the even keys lie between the classes.
 */
export function toCallPriorityKey(runKey: number, nearEnd: boolean): number {
  return nearEnd && runKey > 1 ? runKey - 1 : runKey;
}

/** Part of a run's turns after which it counts as about to end. */
const nearEndShare = 0.9;

/** Is a run about to end, as far as its own limits tell? */
export function isNearEnd(run: {
  readonly turns: number;
  readonly maxTurns: number;
  readonly isFinal: boolean;
}): boolean {
  return run.isFinal || run.turns >= nearEndShare * run.maxTurns;
}
