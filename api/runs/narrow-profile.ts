import type { Limits } from '../../domain/budget.ts';
import { AppError } from '../../domain/errors.ts';
import type { Profile } from '../../domain/profile.ts';
import type { Budget } from './run-schemas.ts';

/** The agent of that name, or the first. @throws AppError `Input.Invalid` naming the ones there are */
export function chooseProfile(profiles: ReadonlyMap<string, Profile>, name: string | null): Profile {
  const profile = name === null ? profiles.values().next().value : profiles.get(name);
  if (profile !== undefined) return profile;
  throw new AppError('Input.Invalid', {
    field: '/profile',
    what: `/profile: there is no profile named ${JSON.stringify(name)}`,
    mend: `Known: ${[...profiles.keys()].join(', ')}.`,
  });
}

interface Bound {
  readonly field: string;
  readonly asked: number | null | undefined;
  readonly most: number | null;
  readonly unit: string;
}

/** A limit may be lowered, never raised: what a profile allows is the operator's word. */
function narrow({ field, asked, most, unit }: Bound): number | null {
  if (asked === null || asked === undefined) return most;
  if (most === null || asked <= most) return asked;
  throw new AppError('Input.Invalid', {
    field: `/budget/${field}`,
    what: `/budget/${field}: at most ${most}${unit}, the profile's own limit`,
    mend: 'Ask for less, or name a profile that allows more.',
  });
}

/**
 * The profile's limits, lowered to the budget.
 *
 * @throws AppError `Input.Invalid` when a limit is above the profile's, or money is limited and no price is known
 */
export function narrowLimits(profile: Profile, budget: Budget | null): Limits {
  const { limits } = profile;
  if (budget === null) return limits;
  if (typeof budget.max_cost_usd === 'number' && profile.prices === null) {
    throw new AppError('Input.Invalid', {
      field: '/budget/max_cost_usd',
      what: `/budget/max_cost_usd: profile ${profile.name} has no prices, so a limit in money cannot be kept`,
      mend: 'Give the profile prices in LONGHAUL_PROFILES_FILE, or limit max_tokens.',
    });
  }
  return {
    maxTurns:
      narrow({ field: 'max_turns', asked: budget.max_turns, most: limits.maxTurns, unit: '' }) ?? limits.maxTurns,
    maxToolCalls:
      narrow({ field: 'max_tool_calls', asked: budget.max_tool_calls, most: limits.maxToolCalls, unit: '' }) ??
      limits.maxToolCalls,
    maxTokens: narrow({ field: 'max_tokens', asked: budget.max_tokens, most: limits.maxTokens, unit: ' tokens' }),
    maxWallMs: narrowWall(budget, limits.maxWallMs),
    maxCostMicroUsd: narrowCost(budget, limits.maxCostMicroUsd),
    onExceed: budget.on_exceed ?? limits.onExceed,
  };
}

function narrowWall(budget: Budget, mostMs: number): number {
  const most = mostMs / 1_000;
  const seconds = narrow({ field: 'max_wall_seconds', asked: budget.max_wall_seconds, most, unit: ' s' });
  return seconds === null ? mostMs : Math.round(seconds * 1_000);
}

function narrowCost(budget: Budget, mostMicroUsd: number | null): number | null {
  const most = mostMicroUsd === null ? null : mostMicroUsd / 1e6;
  const usd = narrow({ field: 'max_cost_usd', asked: budget.max_cost_usd, most, unit: ' USD' });
  return usd === null ? null : Math.floor(usd * 1e6 + 1e-6);
}
