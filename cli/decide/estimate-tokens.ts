import { createO200kCounter } from '../../activities/tokens/o200k.ts';
import { type Decision, defineDecision, textInputSchema } from './decision.ts';

const countTokens = createO200kCounter();

/** Counts of tokens. */
export const decisions: Readonly<Record<string, Decision>> = {
  'estimate-tokens': defineDecision(textInputSchema, (_, { text }) => ({ tokens: countTokens(text) })),
};
