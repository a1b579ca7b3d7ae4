import type { ResultFacts } from './attempt/facts.ts';
import { isJsonObject, memberOf } from './arguments/json-value.ts';
import { parseStrictJson } from './arguments/strict-json.ts';
import { sendsTurnBack, type ToolAnswer } from './rollback-result.ts';
import type { AgentRules } from './rules.ts';

/** Is it a search that its provider could not make? */
function isProviderFailure(tool: string, answer: ToolAnswer): boolean {
  if (tool !== 'google_search') return false;
  const strict = typeof answer.result === 'string' ? parseStrictJson(answer.result) : null;
  const value = strict === null ? answer.result : strict.ok ? strict.value : undefined;
  return isJsonObject(value) && memberOf(value, 'organic') === undefined && memberOf(value, 'success') === false;
}

/** A call's answer, and our count of what the model is shown of it. */
export interface GivenAnswer extends ToolAnswer {
  readonly tool: string;
  readonly tokens: number;
}

/** What a call's answer says to the attempt. */
export function readResult(rules: Pick<AgentRules, 'resultsRollBack'>, answer: GivenAnswer): ResultFacts {
  const { tool, tokens } = answer;
  const failed = answer.error !== undefined;
  const status = failed ? 'failed' : isProviderFailure(tool, answer) ? 'provider-failed' : 'ok';
  return { status, asksRollback: rules.resultsRollBack && sendsTurnBack(tool, answer), tokens };
}
