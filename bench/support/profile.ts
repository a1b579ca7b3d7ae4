import { type Profile, mirothinkerV1 } from '../../domain/profile.ts';

/** Tokens of the window: W600 holds about 266,000, more than any profile's own. */
const windowTokens = 1_000_000;

/** The agent of the benches: K = 5 as in the paper, no limit in the way of the workload. */
export function benchProfile(options: { readonly tools: readonly string[]; readonly maxTurns?: number }): Profile {
  const profile = mirothinkerV1('longhaul-scripted');
  return {
    ...profile,
    name: 'bench',
    model: { ...profile.model, windowTokens },
    tools: [...options.tools],
    limits: { ...profile.limits, maxTurns: options.maxTurns ?? 10_000, maxToolCalls: 100_000 },
  };
}

/** The question of every bench run; its length is part of every prompt. */
export const benchQuestion = 'Work through the reference workload, one call a turn, until the model ends.';
