import type { Dialect, Message } from './dialects/dialect.ts';
import type { Purpose } from './record.ts';

/** A part of the history, in order. */
export type HistoryItem =
  | { readonly type: 'reply'; readonly text: string }
  /** Observations of a reply's calls in order. Null when masked: the texts need not be loaded. */
  | { readonly type: 'observations'; readonly texts: readonly string[] | null }
  /** What a person said to the model in between. */
  | { readonly type: 'message'; readonly text: string };

/** What a prompt is made of. */
export interface PromptParts {
  readonly systemPrompt: string;
  readonly question: string;
  readonly items: readonly HistoryItem[];
  readonly purpose: Purpose;
}

function toMessage(item: HistoryItem, dialect: Dialect): Message {
  if (item.type === 'reply') return { role: 'assistant', content: item.text };
  if (item.type === 'message') return { role: 'user', content: item.text };
  return { role: 'user', content: item.texts === null ? dialect.omitted : dialect.joinObservations(item.texts) };
}

/**
 * The messages of a model call: everything thought, called and said, the observations in view, a placeholder for the others.
 *
 * Pure and total: the same parts give the same bytes, on every worker and on every day.
 */
export function renderPrompt(parts: PromptParts, dialect: Dialect): Message[] {
  const messages: Message[] = [
    { role: 'system', content: parts.systemPrompt },
    { role: 'user', content: dialect.taskMessage(parts.question) },
    ...parts.items.map((item) => toMessage(item, dialect)),
  ];
  if (parts.purpose === 'final') messages.push({ role: 'user', content: dialect.finalPrompt(parts.question) });
  return messages;
}
