import { isFalsy, isJsonObject, type JsonValue, memberOf } from './arguments/json-value.ts';
import { parseStrictJson } from './arguments/strict-json.ts';

/** What a tool gave: a result, an error, or neither. */
export interface ToolAnswer {
  readonly result?: JsonValue | undefined;
  readonly error?: string | undefined;
}

/** How the tool servers begin the text of a call that could not be made. Source: MiroThinker protocol §2.2. */
const refusals = ['Unknown tool:', 'Error executing tool'] as const;

/** Does a search answer without a single hit? A failed search is no empty one. */
function isEmptySearch(result: JsonValue | undefined): boolean {
  if (isFalsy(result)) return false;
  const strict = typeof result === 'string' ? parseStrictJson(result) : null;
  const answer = strict === null ? result : strict.ok ? strict.value : null;
  if (!isJsonObject(answer)) return false;
  const organic = memberOf(answer, 'organic');
  if (organic === undefined) return memberOf(answer, 'success') !== false;
  if (typeof organic === 'string' || Array.isArray(organic)) return organic.length === 0;
  return isJsonObject(organic) && Object.keys(organic).length === 0;
}

/** Does a tool's answer send the turn back: an unknown tool, refused arguments, an empty search? */
export function sendsTurnBack(tool: string, answer: ToolAnswer): boolean {
  const shown = isFalsy(answer.result) ? answer.error : answer.result;
  if (typeof shown === 'string' && refusals.some((beginning) => shown.startsWith(beginning))) return true;
  return tool === 'google_search' && isEmptySearch(answer.result);
}
