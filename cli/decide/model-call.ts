import { z } from 'zod';
import {
  judgeFailedTry,
  judgeTry,
  readTry,
  toTakenText,
  type Try,
  type TryVerdict,
} from '../../domain/agent/model-tries.ts';
import type { AgentRules } from '../../domain/agent/rules.ts';
import { type Decision, defineDecision } from './decision.ts';
import { isOverflow, toFinish } from './script.ts';

const responseSchema = z.union([z.object({ fail: z.string() }), z.object({ text: z.string(), finish: z.string() })]);
type Response = z.infer<typeof responseSchema>;

function judge(rules: AgentRules, at: Try, response: Response): TryVerdict {
  if ('fail' in response) return judgeFailedTry(at, isOverflow(response.fail));
  return judgeTry(rules, at, readTry(response.text, toFinish(response.finish)));
}

function takenText(response: Response): string | null {
  return 'fail' in response ? null : toTakenText(response.text, toFinish(response.finish));
}

/** The tries of one model call. */
export const decisions: Readonly<Record<string, Decision>> = {
  'model-call': defineDecision(
    z.object({ maxTokens: z.int().min(1), roles: z.array(z.string()), responses: z.array(responseSchema).min(1) }),
    ({ rules }, { maxTokens, roles, responses }) => {
      const prefill = rules.prefill && roles.at(-1) === 'assistant';
      const tries: { maxTokens: number; prefill: boolean }[] = [];
      let at: Try = { number: 1, maxTokens };
      for (;;) {
        tries.push({ maxTokens: at.maxTokens, prefill });
        const response = responses[Math.min(at.number, responses.length) - 1] ?? { fail: '' };
        const verdict = judge(rules, at, response);
        if (verdict.type === 'fail') return { tries, text: null, stop: false };
        if (verdict.type === 'take') return { tries, text: takenText(response), stop: verdict.stop };
        at = { number: at.number + 1, maxTokens: verdict.maxTokens };
      }
    },
  ),
};
