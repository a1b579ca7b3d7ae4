import { z } from 'zod';
import { continueTurns, endTurns } from '../../domain/agent/attempt/finish.ts';
import { type AttemptState, startAttempt } from '../../domain/agent/attempt/state.ts';
import type { AttemptSettings } from '../../domain/agent/attempt/settings.ts';
import { findBoxed } from '../../domain/agent/boxed-answer.ts';
import { extractFailureSummary } from '../../domain/agent/failure-text.ts';
import { type Attempts, isLastAttempt, nextAttempt } from '../../domain/agent/restarts.ts';
import type { AgentRules } from '../../domain/agent/rules.ts';
import { type Decision, defineDecision, defineLaterDecision } from './decision.ts';
import { failurePrefill, formatError } from './placeholders.ts';
import { scriptedReplySchema } from './script.ts';
import { type Played, playAttempt, type ScriptRecord } from './script-run.ts';

const countSchema = z.int().min(0);

/** The tools that names are repaired by. */
const tools = [
  { server: 'tool-python', tools: ['run_python_code'] },
  { server: 'search_and_scrape_webpage', tools: ['google_search'] },
  { server: 'jina_scrape_llm_summary', tools: ['scrape_and_extract_info'] },
];

/** Stands for the thought that a failure summary begins with: the summary is the thought itself where nothing follows it. */
const prefillThought = `<think>${failurePrefill}</think>\n\n`;

function toOutput(rules: AgentRules, played: Played, intermediate: (seq: number) => string) {
  const { answer, summary } = played.end;
  const textOf = (seq: number) => played.records[seq]?.text ?? '';
  const boxed =
    answer === null
      ? formatError
      : answer.from === 'final'
        ? findBoxed(rules, textOf(answer.seq))
        : intermediate(answer.seq);
  const failureSummary = summary === null ? null : extractFailureSummary(prefillThought + textOf(summary));
  return { answer: boxed, failureSummary };
}

interface AttemptInput {
  readonly contextCompressLimit: number;
  readonly finalRetry: boolean;
}

/** The attempt's place among those that may be made. */
const attemptOf = ({ contextCompressLimit, finalRetry }: AttemptInput) => (finalRetry ? contextCompressLimit + 1 : 1);

const finalDecisionSchema = z.object({
  contextCompressLimit: countSchema,
  reachedLimit: z.boolean(),
  finalRetry: z.boolean(),
  keep: z.int().min(-1),
  retryWithSummary: z.boolean(),
  turns: countSchema,
  intermediate: z.array(z.string()),
  replies: z.array(scriptedReplySchema),
});
type FinalDecisionInput = z.infer<typeof finalDecisionSchema>;

/** Pairs of a call and its observation, as records. */
function toPairs(turns: number): ScriptRecord[] {
  return Array.from({ length: turns }).flatMap((_, index): ScriptRecord[] => [
    { seq: 2 * index, kind: 'model', purpose: 'turn', dropped: [], text: 'call' },
    { seq: 2 * index + 1, kind: 'tool', reply: 2 * index, text: `observation ${index + 1}` },
  ]);
}

/** The state at the end of the turns that the input describes, and its records. */
function toHistory(
  settings: AttemptSettings,
  input: FinalDecisionInput,
): { state: AttemptState; records: ScriptRecord[] } {
  const { turns, reachedLimit, intermediate } = input;
  const pairs = toPairs(turns);
  const last: ScriptRecord = { seq: pairs.length, kind: 'model', purpose: 'turn', dropped: [], text: 'done' };
  const start = startAttempt(settings, { attempt: attemptOf(input), startSeq: 0, summaries: [] });
  const state: AttemptState = {
    ...start,
    turn: reachedLimit ? settings.maxTurns : 0,
    observations: Array.from({ length: turns }, () => 0),
    lastPairs: Array.from({ length: Math.min(turns, 2) }, (_, index) => {
      const reply = 2 * (turns - Math.min(turns, 2) + index);
      return { reply, results: [reply + 1] };
    }),
    ending: reachedLimit ? (turns > 0 ? 'observation' : 'task') : 'reply',
    lastBoxed: intermediate.length > 0 ? 0 : null,
  };
  return { state, records: reachedLimit ? pairs : [...pairs, last] };
}

function decideFinal(rules: AgentRules, input: FinalDecisionInput) {
  const settings: AttemptSettings = {
    rules,
    maxTurns: input.turns + 1,
    keep: input.keep,
    batch: 0,
    maxTokens: 1_000,
    maxContext: 1_000_000,
    summaryTokens: 0,
    restarts: input.contextCompressLimit,
    retryWithSummary: input.retryWithSummary,
    overflow: 'finish',
  };
  const { state, records } = toHistory(settings, input);
  const ended = endTurns(settings, state, input.reachedLimit ? 'max-turns' : 'agent');
  const played = playAttempt({ settings, tools, replies: input.replies, results: [] }, ended, records);
  return {
    ...toOutput(rules, played, () => input.intermediate.at(-1) ?? ''),
    modelCalls: played.modelCalls.map(({ purpose, history }) => ({
      kind: purpose === 'final' ? 'final' : 'failureSummary',
      observationsInView: history.filter((message) => message.type === 'observation' && !message.masked).length,
    })),
  };
}

const endedAttemptSchema = z.union([
  z.object({ crash: z.literal(true) }),
  z.object({ answer: z.string().nullable(), failureSummary: z.string().nullish() }),
]);

const restartsSchema = z.object({
  contextCompressLimit: countSchema,
  attempts: z.array(endedAttemptSchema).min(1),
  summaries: z.array(z.string()),
});

function toOutcome(ended: z.infer<typeof endedAttemptSchema>) {
  if ('crash' in ended) return { kind: 'crashed' as const, summary: null };
  const summary = ended.failureSummary ?? '';
  return {
    kind: ended.answer === null ? ('unanswered' as const) : ('answered' as const),
    summary: summary === '' ? null : summary,
  };
}

function decideRestarts({ contextCompressLimit, attempts, summaries }: z.infer<typeof restartsSchema>) {
  const told: { finalRetry: boolean; summariesShown: string[] }[] = [];
  let current: Attempts<string> | null = { attempt: 1, summaries: [] };
  let last: z.infer<typeof endedAttemptSchema> = { crash: true };
  while (current !== null) {
    const { attempt, summaries: shown }: Attempts<string> = current;
    const text = shown.join('\n');
    told.push({
      finalRetry: isLastAttempt(contextCompressLimit, attempt),
      summariesShown: summaries.filter((summary) => text.includes(summary)),
    });
    last = attempts[Math.min(attempt, attempts.length) - 1] ?? last;
    current = nextAttempt(contextCompressLimit, current, toOutcome(last));
  }
  return { attempts: told, answer: 'crash' in last ? '' : last.answer, status: 'success' };
}

const episodeSchema = z.object({
  maxTurns: countSchema,
  keep: z.int().min(-1),
  contextCompressLimit: countSchema,
  retryWithSummary: z.boolean(),
  finalRetry: z.boolean(),
  maxTokens: z.int().min(1),
  maxContext: z.int().min(1),
  summaryTokens: countSchema,
  replies: z.array(scriptedReplySchema),
  results: z.array(
    z.union([z.object({ result: z.string() }), z.object({ error: z.string() }), z.object({ throws: z.string() })]),
  ),
});

function playEpisode(rules: AgentRules, input: z.infer<typeof episodeSchema>) {
  const { contextCompressLimit: restarts, finalRetry, replies, results, ...limits } = input;
  const settings: AttemptSettings = { ...limits, rules, restarts, batch: 0, overflow: 'finish' };
  const attempt = attemptOf({ contextCompressLimit: restarts, finalRetry });
  // Without a single turn the attempt begins at its limit.
  const start = continueTurns(settings, startAttempt(settings, { attempt, startSeq: 0, summaries: [] }));
  const played = playAttempt({ settings, tools, replies, results }, start, []);
  return {
    ...toOutput(rules, played, (seq) => findBoxed(rules, played.records[seq]?.text ?? '')),
    modelCalls: played.modelCalls.map(({ prefill, messages }) => ({ prefill, messages })),
    toolCalls: played.toolCalls,
    emptyReplyWaits: played.emptyReplyWaits,
  };
}

/** Decisions about whole attempts. */
export const decisions: Readonly<Record<string, Decision>> = {
  'final-decision': defineDecision(finalDecisionSchema, ({ rules }, input) => decideFinal(rules, input)),
  restarts: defineLaterDecision(restartsSchema, (_, input) => decideRestarts(input)),
  episode: defineDecision(episodeSchema, ({ rules }, input) => playEpisode(rules, input)),
};
