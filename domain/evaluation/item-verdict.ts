import { isFalsy, isJsonObject, type JsonObject, type JsonValue, memberOf } from '../agent/arguments/json-value.ts';
import { parseStrictJson } from '../agent/arguments/strict-json.ts';
import type { Verdict } from './verdict.ts';

/** How many items of an answer are right, how many were asked for, and how many are too many. */
export interface ItemCounts {
  readonly correct: number;
  readonly expected: number;
  readonly excessive: number;
}

/** The object in a reply, whatever stands around it. */
function readObject(reply: string): JsonObject | null {
  const start = reply.indexOf('{');
  const end = reply.lastIndexOf('}');
  if (start < 0 || end < start) return null;
  const strict = parseStrictJson(reply.slice(start, end + 1));
  return strict.ok && isJsonObject(strict.value) ? strict.value : null;
}

/** Is an item said to be right? A text that says "false" is plain enough. */
function isRight(value: JsonValue): boolean {
  return typeof value === 'string' ? value !== '' && value.toLowerCase() !== 'false' : !isFalsy(value);
}

function countExcessive(value: JsonValue | undefined): number | null {
  if (value === undefined || value === null) return 0;
  if (Array.isArray(value)) return value.length;
  return isJsonObject(value) ? Object.keys(value).length : null;
}

/** Counts the items of a judge's JSON; null where it has another form. */
function countItems(reply: string): ItemCounts | null {
  const judged = memberOf(readObject(reply) ?? {}, 'Answer Correctness');
  if (!isJsonObject(judged)) return null;
  const details = memberOf(judged, 'Correctness Details');
  const excessive = countExcessive(memberOf(judged, 'Excessive Answers'));
  if (!isJsonObject(details) || excessive === null) return null;
  const items = Object.values(details);
  return { correct: items.filter(isRight).length, expected: items.length, excessive };
}

/** The verdict of a judge that looks at every item: right when all are there and none is too many. */
export function readItemVerdict(reply: string): { readonly verdict: Verdict; readonly details: ItemCounts | null } {
  const details = countItems(reply);
  if (details === null) return { verdict: 'NOT_ATTEMPTED', details };
  const isCorrect = details.expected > 0 && details.correct === details.expected && details.excessive === 0;
  return { verdict: isCorrect ? 'CORRECT' : 'INCORRECT', details };
}
