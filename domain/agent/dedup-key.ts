import { isJsonObject, type JsonValue, memberOf } from './arguments/json-value.ts';
import type { AgentRules } from './rules.ts';

/** The argument that makes a call of a tool a repeat of another. Source: MiroThinker protocol §1.4 and §2.4. */
const keyFields: Readonly<Record<AgentRules['repeatKeys'], Readonly<Record<string, string>>>> = {
  paper: { search_and_browse: 'subtask', google_search: 'q', sougou_search: 'Query', scrape_website: 'url' },
  later: {
    search_and_browse: 'subtask',
    google_search: 'q',
    sogou_search: 'Query',
    scrape_website: 'url',
    scrape_and_extract_info: 'url',
  },
};

/**
 * The key under which a call counts as a repeat of an earlier one in the same attempt; null when it never does.
 *
 * A call without its key field is never a repeat: two of them have nothing in common but that.
 */
export function toDedupKey(rules: Pick<AgentRules, 'repeatKeys'>, tool: string, args: JsonValue): string | null {
  const fields = keyFields[rules.repeatKeys];
  const field = Object.hasOwn(fields, tool) ? fields[tool] : undefined;
  if (field === undefined || !isJsonObject(args)) return null;
  const value = memberOf(args, field);
  if (typeof value !== 'string' || value === '') return null;
  if (tool !== 'scrape_and_extract_info') return `${tool}_${value}`;
  const wanted = memberOf(args, 'info_to_extract') ?? '';
  return typeof wanted === 'string' ? `${tool}_${value}_${wanted}` : null;
}
