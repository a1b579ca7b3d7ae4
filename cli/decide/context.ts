import { z } from 'zod';
import type { JsonValue } from '../../domain/agent/arguments/json-value.ts';
import { fitsContext, keptWithoutPair } from '../../domain/agent/context-check.ts';
import { countUserMessages, firstLiveMessage, isMasked, omittedObservation } from '../../domain/agent/retained-view.ts';
import { type Decision, defineDecision, jsonValueSchema } from './decision.ts';

const messageSchema = z.looseObject({ role: z.string(), content: jsonValueSchema.optional() });

/** The content of a masked message, in the form that it had. */
function omit(content: JsonValue | undefined): JsonValue {
  return Array.isArray(content) ? [{ type: 'text', text: omittedObservation }] : omittedObservation;
}

const tokens = z.int().min(0);

/** Decisions about what fits, and what is shown. */
export const decisions: Readonly<Record<string, Decision>> = {
  retain: defineDecision(z.object({ messages: z.array(messageSchema), keep: z.int() }), (_, { messages, keep }) => {
    const masked = isMasked(messages, firstLiveMessage(countUserMessages(messages), keep));
    return {
      messages: messages.map((message, index) =>
        masked[index] === true ? { ...message, content: omit(message.content) } : message,
      ),
    };
  }),
  'context-check': defineDecision(
    z.object({
      lastPromptTokens: tokens,
      lastCompletionTokens: tokens,
      lastMessageTokens: tokens,
      summaryTokens: tokens,
      maxTokens: z.int(),
      maxContext: z.int(),
      roles: z.array(z.string()),
    }),
    ({ rules }, { roles, ...count }) => {
      const lastMessageTokens = roles.at(-1) === 'user' ? count.lastMessageTokens : 0;
      const fits = fitsContext(rules, { ...count, lastMessageTokens });
      return { fits, keptMessages: fits ? roles.length : keptWithoutPair(roles) };
    },
  ),
};
