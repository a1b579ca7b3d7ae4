import { digestText } from '../digest.ts';
import { isJsonObject } from './arguments/json-value.ts';
import type { ReplyFacts } from './attempt/facts.ts';
import { findBoxed } from './boxed-answer.ts';
import { toDedupKey } from './dedup-key.ts';
import { fixArguments } from './fix-arguments.ts';
import { fixNames } from './fix-names.ts';
import { findMarkers } from './markers.ts';
import { type Finish, readTry, toTakenText } from './model-tries.ts';
import { parseCalls, type WrittenCall } from './parse-calls.ts';
import type { AgentRules } from './rules.ts';
import type { ToolTable } from './tool-table.ts';

/** A reply as the server gave it. */
export interface RawReply {
  readonly text: string;
  readonly finish: Finish;
}

/** What a reply says: as the history shows it, the calls in it, and the facts that decide about it. */
export interface ReadReply {
  /** The reply as later prompts show it; the raw text stays in its record. */
  readonly historyText: string;
  /** What a person is shown of it. */
  readonly shownText: string;
  /** Its calls with repaired arguments, in text order. */
  readonly calls: readonly WrittenCall[];
  readonly facts: Omit<ReplyFacts, 'promptTokens' | 'completionTokens'>;
}

/** Hex digits of a key's hash: enough for the calls of one attempt, and short in the state. */
const keyDigits = 12;

/** A key without its text. */
function hashKey(key: string): string {
  return digestText(key).slice(0, keyDigits);
}

/** A reply as later prompts show it: with repaired names, and never without a word. */
export function toHistoryText(rules: AgentRules, table: ToolTable, reply: RawReply): string {
  const taken = toTakenText(reply.text, reply.finish);
  return rules.repairsCalls ? fixNames(taken, table) : taken;
}

/**
 * Reads a reply for the attempt.
 *
 * *Contract:* pure, never throws, linear but for the tolerant reading of broken arguments, which is bounded.
 */
export function readReply(rules: AgentRules, table: ToolTable, reply: RawReply): ReadReply {
  const historyText = toHistoryText(rules, table, reply);
  const { calls: written, shownText } = parseCalls(historyText);
  const calls = rules.repairsCalls
    ? written.map((call) => ({ ...call, arguments: fixArguments(call.tool, call.arguments) }))
    : written;
  const facts = {
    ...readTry(reply.text, reply.finish),
    ...findMarkers(historyText),
    boxed: findBoxed(rules, historyText) !== '',
    calls: calls.map(({ server, tool, arguments: args }) => {
      const key = toDedupKey(rules, tool, args);
      const isKnown = table.some((row) => row.server === server && row.tools.includes(tool));
      const executable = isKnown && isJsonObject(args);
      return { server, tool, key: key === null ? null : hashKey(key), executable };
    }),
  };
  return { historyText, shownText, calls, facts };
}
