import { isJsonObject, type JsonObject, type JsonValue } from './arguments/json-value.ts';

/** The object with the first of the wrong names that it has renamed, unless the right one is there. */
function rename(object: JsonObject, right: string, wrong: readonly string[]): JsonObject {
  const found = wrong.find((name) => Object.hasOwn(object, name));
  if (found === undefined || Object.hasOwn(object, right)) return object;
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key === found ? right : key, value]));
}

/**
 * Repairs the argument names that models often get wrong.
 *
 * Code without a sandbox runs in one of its own. What is no object is left as it is. Source: MiroThinker protocol §3.2.
 */
export function fixArguments(tool: string, args: JsonValue): JsonValue {
  if (!isJsonObject(args)) return args;
  if (tool === 'scrape_and_extract_info') return rename(args, 'info_to_extract', ['description', 'introduction']);
  if (tool !== 'run_python_code') return args;
  const renamed = rename(args, 'code_block', ['code']);
  return Object.hasOwn(renamed, 'sandbox_id') ? renamed : { ...renamed, sandbox_id: 'default' };
}
