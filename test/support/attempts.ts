import type { ScriptedReply } from '../../cli/decide/script.ts';
import { type Played, playAttempt, type ScriptedResult } from '../../cli/decide/script-run.ts';
import type { AttemptSettings } from '../../domain/agent/attempt/settings.ts';
import { type AttemptState, startAttempt } from '../../domain/agent/attempt/state.ts';
import { laterRules } from '../../domain/agent/rules.ts';

/** Settings of an attempt of the later line with room for everything; a test says what differs. */
export function settingsOf(given: Partial<AttemptSettings> = {}): AttemptSettings {
  return {
    rules: laterRules,
    maxTurns: 8,
    keep: 5,
    batch: 0,
    maxTokens: 1_000,
    maxContext: 100_000,
    summaryTokens: 300,
    restarts: 0,
    retryWithSummary: true,
    overflow: 'finish',
    ...given,
  };
}

/** The tools that scripted calls are repaired by. */
const scriptTools = [
  { server: 'tool-python', tools: ['run_python_code', 'run_command'] },
  { server: 'search_and_scrape_webpage', tools: ['google_search'] },
  { server: 'jina_scrape_llm_summary', tools: ['scrape_and_extract_info'] },
];

/** A call as a reply writes it. */
export function callText(tool: string, args: object, server = 'tool-python'): string {
  return `<use_mcp_tool>\n<server_name>${server}</server_name>\n<tool_name>${tool}</tool_name>\n<arguments>\n${JSON.stringify(args)}\n</arguments>\n</use_mcp_tool>`;
}

/** A search as a reply writes it. */
export const searchText = (q: string) => callText('google_search', { q }, 'search_and_scrape_webpage');

/** A command as a reply writes it; commands are never repeats. */
export const commandText = (command = 'ls') => callText('run_command', { command });

/** A reply by its text, and what else the server says of it. */
export function reply(
  text: string,
  more: { finish?: string; promptTokens?: number; completionTokens?: number } = {},
): ScriptedReply {
  return { text, finish: 'stop', promptTokens: 0, completionTokens: 0, ...more };
}

/** Plays an attempt against a script. */
export function play(
  script: { readonly replies: readonly ScriptedReply[]; readonly results?: readonly ScriptedResult[] },
  given: Partial<AttemptSettings> = {},
  attempt = 1,
): Played {
  const settings = settingsOf(given);
  const start: AttemptState = startAttempt(settings, { attempt, startSeq: 0, summaries: [] });
  return playAttempt(
    { settings, tools: scriptTools, replies: script.replies, results: script.results ?? [] },
    start,
    [],
  );
}

/** What was sent behind the task, one line a call: `a` for a reply, `u` for a user message, with what it holds. */
function toLines(played: Played): string[] {
  return played.modelCalls.map(({ messages }) =>
    messages
      .slice(2)
      .map(({ role, content }) => `${role[0]}:${content.startsWith('Tool result is omitted') ? '-' : content}`)
      .join(' '),
  );
}

/** Replies by their place in the script, so that lines are short: call 1 is `c1`. */
export function toShortLines(played: Played, replies: readonly ScriptedReply[]): string[] {
  return toLines(played).map((line) =>
    replies.reduce((short, one, index) => {
      return 'text' in one && one.text !== '' ? short.replaceAll(`a:${one.text}`, `a:${index + 1}`) : short;
    }, line),
  );
}
