import { isExactNumber, isJsonObject, type JsonValue } from '../agent/arguments/json-value.ts';
import { parseStrictJson } from '../agent/arguments/strict-json.ts';
import type { Verdict } from './verdict.ts';

/** A whole number as a lenient schema takes it: as a number, a yes or no, or a text of digits. */
function isWhole(value: JsonValue | undefined): boolean {
  if (typeof value === 'number') return Number.isInteger(value);
  if (typeof value === 'string') return /^[+-]?\d(?:_?\d)*(?:\.0+)?$/.test(value.trim());
  return typeof value === 'boolean' || isExactNumber(value);
}

/** The verdict of a structured output with all of its fields; `NOT_ATTEMPTED` when one is missing or of another type. */
export function readStructuredVerdict(reply: string): Verdict {
  const strict = parseStrictJson(reply);
  if (!strict.ok || !isJsonObject(strict.value)) return 'NOT_ATTEMPTED';
  const { extracted_final_answer: answer, reasoning, correct, confidence, strict: certain } = strict.value;
  const isWholeReply =
    typeof answer === 'string' &&
    typeof reasoning === 'string' &&
    isWhole(confidence) &&
    (certain === true || certain === 1);
  if (!isWholeReply || (correct !== 'yes' && correct !== 'no')) return 'NOT_ATTEMPTED';
  return correct === 'yes' ? 'CORRECT' : 'INCORRECT';
}
