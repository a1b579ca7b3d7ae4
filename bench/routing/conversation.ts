import type { Message } from '../../domain/dialects/dialect.ts';
import { dialectOf } from '../../domain/dialects/for-profile.ts';
import { nextFirstLive } from '../../domain/pool/trim.ts';
import { type HistoryItem, renderPrompt } from '../../domain/render.ts';
import { text } from '../../infra/dev/model-server/w600.ts';

/** Bytes of the texts of a turn, and of the prompt before the first one; a word has about six. */
const bytes = { system: 3_000, reply: 600, observation: 3_000 } as const;

/** Retention as the cost model advises it. */
const policy = { keep: 5, batch: 12, pressureTokens: null };

/** The prompts of one run, turn by turn, as the agent renders them. */
export function* conversationOf(run: number, turns: number): Generator<readonly Message[]> {
  const dialect = dialectOf({ dialect: 'mcp-xml' });
  const past: { readonly reply: string; readonly observation: string }[] = [];
  let firstLive = 0;
  for (let turn = 1; turn <= turns; turn += 1) {
    const observations = turn - 1;
    firstLive = nextFirstLive(policy, { observations, firstLive, promptTokens: 0 });
    const items = past.flatMap(({ reply, observation }, index): HistoryItem[] => [
      { type: 'reply', text: reply },
      { type: 'observations', texts: index < firstLive ? null : [observation] },
    ]);
    const systemPrompt = text(1, bytes.system);
    yield renderPrompt({ systemPrompt, question: `Question ${run}.`, items, purpose: 'turn' }, dialect);
    const seed = run * 10_000 + turn;
    past.push({ reply: text(seed, bytes.reply), observation: text(seed + 5_000, bytes.observation) });
  }
}
