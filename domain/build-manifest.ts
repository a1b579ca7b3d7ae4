import { dialectOf } from './dialects/for-profile.ts';
import { digestJson } from './digest.ts';
import { AppError } from './errors.ts';
import type { Limits } from './budget.ts';
import type { Fork, ParentPrefix, RunManifest } from './manifest.ts';
import type { Profile } from './profile.ts';
import type { ToolDefinition } from './tools.ts';

/** A question with everything that the submitter decided. */
export interface ManifestRequest {
  readonly tenant: string;
  readonly runId: string;
  readonly question: string;
  readonly profile: Profile;
  /** The profile's limits, narrowed to the task's budget; absent: as the profile has them. */
  readonly limits?: Limits;
  /** All tools of the installation. */
  readonly tools: readonly ToolDefinition[];
  readonly now: Date;
  readonly timeZone: string;
  readonly standIn: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  /** The prefix that a fork shares; absent for a run from the beginning. */
  readonly origin?: { readonly parent: ParentPrefix; readonly fork: Fork };
}

/** The calendar day of `now` in `timeZone`, as `YYYY-MM-DD`. */
function toDay(now: Date, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
  const field = (type: string) => parts.formatToParts(now).find((part) => part.type === type)?.value ?? '';
  return `${field('year')}-${field('month')}-${field('day')}`;
}

function chooseTools(request: ManifestRequest): ToolDefinition[] {
  return request.profile.tools.map((name) => {
    const tool = request.tools.find((candidate) => candidate.name === name);
    if (tool !== undefined) return tool;
    const known = request.tools.map((candidate) => candidate.name).join(', ');
    throw new AppError('Input.Invalid', {
      field: '/profile/tools',
      what: `profile ${request.profile.name} names the tool ${JSON.stringify(name)}, which this installation does not have`,
      mend: `Known tools: ${known}.`,
    });
  });
}

/**
 * The manifest of a run: profile, tools, prompt and date resolved to every value.
 *
 * @throws AppError `Input.Invalid` when the profile names a tool that does not exist, or limits money without prices
 */
export function buildManifest(request: ManifestRequest): RunManifest {
  const { profile, question } = request;
  const limits = request.limits ?? profile.limits;
  if (limits.maxCostMicroUsd !== null && profile.prices === null) {
    throw new AppError('Input.Invalid', {
      field: '/budget/max_cost_usd',
      what: `profile ${profile.name} has no prices, so a limit in money could not be kept`,
      mend: 'Give the profile prices, or limit tokens.',
    });
  }
  const tools = chooseTools(request);
  const dialect = dialectOf(profile);
  const date = toDay(request.now, request.timeZone);
  const undated = dialect.systemPrompt({ tools, date: '' });
  return {
    schemaVersion: 1,
    tenant: request.tenant,
    runId: request.runId,
    question,
    profile,
    limits,
    systemPrompt: dialect.systemPrompt({ tools, date }),
    tools,
    taskDigest: digestJson({
      question,
      profile: { ...profile, limits: null, prices: null },
      tools,
      systemPrompt: undated,
    }),
    date,
    timeZone: request.timeZone,
    createdAt: request.now.toISOString(),
    standIn: request.standIn,
    parent: request.origin?.parent ?? null,
    fork: request.origin?.fork ?? null,
    metadata: { ...request.metadata },
  };
}
