import { z } from 'zod';
import { repairArguments } from '../../domain/agent/arguments/repair-arguments.ts';
import { findBoxed } from '../../domain/agent/boxed-answer.ts';
import { extractFailureSummary } from '../../domain/agent/failure-text.ts';
import { fixArguments } from '../../domain/agent/fix-arguments.ts';
import { fixNames } from '../../domain/agent/fix-names.ts';
import { findMarkers } from '../../domain/agent/markers.ts';
import { judgeNoCall } from '../../domain/agent/no-call.ts';
import { parseCalls } from '../../domain/agent/parse-calls.ts';
import {
  type Decision,
  defineDecision,
  defineLaterDecision,
  jsonValueSchema,
  textInputSchema,
  toolTableSchema,
} from './decision.ts';

const noCallSchema = z.object({
  text: z.string(),
  turn: z.int(),
  rollbacks: z.int(),
  roles: z.array(z.string()),
});

/** Decisions about what a reply says. */
export const decisions: Readonly<Record<string, Decision>> = {
  parse: defineDecision(textInputSchema, (_, { text }) => parseCalls(text)),
  repair: defineDecision(textInputSchema, (_, { text }) => ({ value: repairArguments(text) })),
  markers: defineDecision(textInputSchema, (_, { text }) => findMarkers(text)),
  'no-call': defineLaterDecision(noCallSchema, ({ rules }, { text, turn, rollbacks, roles }) => {
    const action = judgeNoCall(rules, findMarkers(text), rollbacks);
    if (action === 'end') return { action, turn, rollbacks, keptMessages: roles.length };
    const isLast = roles.at(-1) === 'assistant';
    return { action, turn: turn - 1, rollbacks: rollbacks + 1, keptMessages: roles.length - (isLast ? 1 : 0) };
  }),
  'fix-names': defineLaterDecision(textInputSchema.extend({ servers: toolTableSchema }), (_, { text, servers }) => ({
    text: fixNames(text, servers),
  })),
  'fix-arguments': defineLaterDecision(
    z.object({ tool: z.string(), arguments: jsonValueSchema }),
    (_, { tool, arguments: args }) => ({ arguments: fixArguments(tool, args) }),
  ),
  boxed: defineDecision(textInputSchema, ({ rules }, { text }) => ({ boxed: findBoxed(rules, text) })),
  'failure-text': defineLaterDecision(textInputSchema, (_, { text }) => ({ summary: extractFailureSummary(text) })),
};
