import type { AttemptSettings } from '../../domain/agent/attempt/settings.ts';
import type { AttemptEnd, AttemptState, CallPurpose } from '../../domain/agent/attempt/state.ts';
import { applyFailure } from '../../domain/agent/attempt/apply-failure.ts';
import { applyReply } from '../../domain/agent/attempt/apply-reply.ts';
import { applyResults, type RecordedResult } from '../../domain/agent/attempt/apply-results.ts';
import { buildHistory, type HistoryMessage, type HistoryRecord } from '../../domain/agent/attempt/history.ts';
import { type AttemptAction, type DueCall, nextAction } from '../../domain/agent/attempt/next-action.ts';
import type { JsonValue } from '../../domain/agent/arguments/json-value.ts';
import { formatObservation, joinObservations } from '../../domain/agent/observation.ts';
import type { WrittenCall } from '../../domain/agent/parse-calls.ts';
import { readReply } from '../../domain/agent/read-reply.ts';
import { readResult } from '../../domain/agent/read-result.ts';
import { omittedObservation } from '../../domain/agent/retained-view.ts';
import { countCodePoints } from '../../domain/agent/text/code-points.ts';
import type { ToolTable } from '../../domain/agent/tool-table.ts';
import * as placeholders from './placeholders.ts';
import { isOverflow, scriptEnd, type ScriptedReply, toFinish } from './script.ts';

/** What a scripted call gives. */
export type ScriptedResult = { readonly result: string } | { readonly error: string } | { readonly throws: string };

/** A script that plays model and tools. */
export interface Script {
  readonly settings: AttemptSettings;
  readonly tools: ToolTable;
  readonly replies: readonly ScriptedReply[];
  readonly results: readonly ScriptedResult[];
}

/** A record with its text, as a store would hold it. */
export type ScriptRecord = HistoryRecord & { readonly text: string };

/** A message as the model is sent it. */
export interface SentMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** A call to the model, all of its tries together. */
export interface SentCall {
  readonly purpose: CallPurpose;
  readonly prefill: boolean;
  readonly history: readonly HistoryMessage[];
  readonly messages: readonly SentMessage[];
}

/** What an attempt did against its script. */
export interface Played {
  readonly end: AttemptEnd;
  readonly records: readonly ScriptRecord[];
  readonly modelCalls: readonly SentCall[];
  readonly toolCalls: readonly WrittenCall[];
  readonly emptyReplyWaits: number;
}

interface Play {
  readonly script: Script;
  readonly records: ScriptRecord[];
  readonly modelCalls: SentCall[];
  readonly toolCalls: WrittenCall[];
  /** The calls of the last reply with their arguments, which the state does not hold. */
  calls: readonly WrittenCall[];
  /** What the calls of the last reply gave so far. */
  observations: string[];
  emptyReplyWaits: number;
}

/** A message counts as a quarter of its code points. */
const countTokens = (text: string) => Math.floor(countCodePoints(text) / 4);

/** What a user message holds, when it is in view. */
function toUserText(textOf: (seq: number) => string, message: Exclude<HistoryMessage, { type: 'reply' | 'prefill' }>) {
  if (message.type === 'steering') return textOf(message.seq);
  if (message.masked) return omittedObservation;
  if (message.type === 'observation') return joinObservations(message.seqs.map(textOf));
  return message.purpose === 'final' ? placeholders.summaryPrompt : placeholders.failurePrompt;
}

function toMessage(records: readonly ScriptRecord[], message: HistoryMessage): SentMessage {
  const textOf = (seq: number) => records[seq]?.text ?? '';
  if (message.type === 'reply') return { role: 'assistant', content: textOf(message.seq) };
  if (message.type === 'prefill') return { role: 'assistant', content: placeholders.failurePrefill };
  return { role: 'user', content: toUserText(textOf, message) };
}

type ModelAction = AttemptAction & { type: 'call-model' };

function send(play: Play, action: ModelAction): void {
  const history = buildHistory(play.records, action.view);
  const messages: SentMessage[] = [
    { role: 'system', content: placeholders.systemPrompt },
    { role: 'user', content: placeholders.taskMessage },
    ...history.map((message) => toMessage(play.records, message)),
  ];
  play.modelCalls.push({ purpose: action.purpose, prefill: action.prefill, history, messages });
}

function callModel(play: Play, state: AttemptState, action: ModelAction): AttemptState {
  const { settings, tools, replies } = play.script;
  if (action.tryNumber === 1) send(play, action);
  if (action.wait === 'empty-reply') play.emptyReplyWaits += 1;
  const reply = replies[play.modelCalls.length - 1] ?? scriptEnd;
  const seq = play.records.length;
  const { purpose } = action;
  const record = { seq, kind: 'model' as const, purpose, dropped: action.view.dropped };
  if ('fail' in reply) {
    play.records.push({ ...record, text: '' });
    return applyFailure(settings, state, { seq, cause: isOverflow(reply.fail) ? 'overflow' : 'failed' });
  }
  const read = readReply(settings.rules, tools, { text: reply.text, finish: toFinish(reply.finish) });
  play.records.push({ ...record, text: read.historyText });
  play.calls = read.calls;
  play.observations = [];
  const { promptTokens, completionTokens } = reply;
  // Any call may be executed, whatever its names.
  const calls = read.facts.calls.map((call) => ({ ...call, executable: true }));
  return applyReply(settings, state, { seq, facts: { ...read.facts, calls, promptTokens, completionTokens } });
}

function execute(play: Play, call: WrittenCall): ScriptedResult {
  play.toolCalls.push(call);
  const number = play.toolCalls.length;
  return play.script.results[number - 1] ?? { result: `observation ${number}` };
}

function toAnswer(scripted: ScriptedResult): { result?: JsonValue; error?: string; thrown: boolean } {
  if ('result' in scripted) return { result: scripted.result, thrown: false };
  return 'error' in scripted ? { error: scripted.error, thrown: false } : { error: scripted.throws, thrown: true };
}

function runCall(play: Play, due: DueCall): RecordedResult['facts'] {
  const call = play.calls[due.index];
  if (due.mode !== 'execute' || call === undefined) {
    play.observations.push(placeholders.repeatNotice);
    return { status: 'ok', asksRollback: false, tokens: 0 };
  }
  const { thrown, ...answer } = toAnswer(execute(play, call));
  play.observations.push(formatObservation({ ...call, ...answer }, placeholders.noOutputNotice));
  const facts = readResult(play.script.settings.rules, { ...answer, tool: call.tool, tokens: 0 });
  // What broke down in the middle of a call is no answer that could be judged.
  return thrown ? { ...facts, asksRollback: false } : facts;
}

function runCalls(play: Play, state: AttemptState, action: AttemptAction & { type: 'run-calls' }): AttemptState {
  const results = action.due.map((due) => {
    const facts = runCall(play, due);
    const seq = play.records.length;
    play.records.push({ seq, kind: 'tool', reply: action.reply, text: play.observations.at(-1) ?? '' });
    return { seq, facts };
  });
  const messageTokens = countTokens(joinObservations(play.observations));
  return applyResults(play.script.settings, state, { results, messageTokens });
}

/** Plays an attempt to its end, from a state and the records that it stands on. */
export function playAttempt(script: Script, from: AttemptState, records: readonly ScriptRecord[]): Played {
  const play: Play = {
    script,
    records: [...records],
    modelCalls: [],
    toolCalls: [],
    calls: [],
    observations: [],
    emptyReplyWaits: 0,
  };
  let state = from;
  for (;;) {
    const action = nextAction(script.settings, state);
    if (action.type === 'end') return { ...play, end: action.end };
    state = action.type === 'call-model' ? callModel(play, state, action) : runCalls(play, state, action);
  }
}
