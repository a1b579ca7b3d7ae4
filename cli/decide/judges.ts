import { z } from 'zod';
import { type Judgement, type JudgeReply, nextJudgeStep } from '../../domain/evaluation/judge.ts';
import { judgeNames, judgeOf, type JudgeRelease } from '../../domain/evaluation/judge-kinds.ts';
import { isGaiaCorrect } from '../../domain/evaluation/score-gaia.ts';
import { type Decision, defineDecision } from './decision.ts';

const replySchema = z.union([z.string(), z.null(), z.object({ $fail: z.string() })]);

const judgeSchema = z.object({
  benchmark: z.string(),
  target: z.string(),
  answer: z.string().nullable(),
  replies: z.array(replySchema).min(1),
});

function toReply(reply: z.infer<typeof replySchema>): JudgeReply {
  return typeof reply === 'object' && reply !== null ? { failed: true } : { text: reply };
}

function toOutput({ verdict, by, details }: Judgement) {
  const judge = by === null ? null : by === 'exact-match' ? 'exact_match' : judgeNames[by];
  return { verdict, judge, ...(details === null ? {} : { details }) };
}

function askToTheEnd(release: JudgeRelease, input: z.infer<typeof judgeSchema>) {
  const { benchmark, target, answer, replies } = input;
  const judged = { kind: judgeOf(release, benchmark), release, target, answer };
  const given: JudgeReply[] = [];
  for (;;) {
    const step = nextJudgeStep(judged, given);
    if (step.type === 'done') return toOutput(step.judgement);
    given.push(toReply(replies[Math.min(given.length, replies.length - 1)] ?? null));
  }
}

/** Decisions about answers. */
export const decisions: Readonly<Record<string, Decision>> = {
  'score-gaia': defineDecision(z.object({ target: z.string(), answer: z.string().nullable() }), (_, input) => ({
    verdict: isGaiaCorrect(input.target, input.answer) ? 'CORRECT' : 'INCORRECT',
  })),
  judge: defineDecision(judgeSchema, ({ release }, input) =>
    askToTheEnd(release === 'v1.0' ? 'paper' : 'later', input),
  ),
};
