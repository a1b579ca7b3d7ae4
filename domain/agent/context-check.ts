import type { AgentRules } from './rules.ts';

/** Tokens kept back beside the longest completion. Source: MiroThinker protocol §4.2. */
const reserveTokens = 1_000;

/** What the check counts, all in tokens. */
export interface ContextCount {
  /** Prompt and completion of the last model call, as the server counted them. */
  readonly lastPromptTokens: number;
  readonly lastCompletionTokens: number;
  /** Our count of the newest observation message; 0 when the history does not end with one. */
  readonly lastMessageTokens: number;
  /** Our count of the prompt that asks for the final answer. */
  readonly summaryTokens: number;
  readonly maxTokens: number;
  readonly maxContext: number;
}

/**
 * Would the next prompt with its longest completion still be inside the window?
 *
 * Source: MiroThinker protocol §4.2: prompt + completion + f × (observation, final prompt) + longest completion + reserve < window.
 */
export function fitsContext(rules: Pick<AgentRules, 'contextFactor'>, count: ContextCount): boolean {
  const estimate =
    count.lastPromptTokens +
    count.lastCompletionTokens +
    Math.trunc(rules.contextFactor * count.lastMessageTokens) +
    Math.trunc(rules.contextFactor * count.summaryTokens) +
    count.maxTokens +
    reserveTokens;
  return estimate < count.maxContext;
}

/** How many messages stay when the last pair is dropped: a trailing user message, then a trailing reply. */
export function keptWithoutPair(roles: readonly string[]): number {
  const kept = roles.at(-1) === 'user' ? roles.length - 1 : roles.length;
  return roles[kept - 1] === 'assistant' ? kept - 1 : kept;
}
