import type { Dialect, Message } from './dialects/dialect.ts';
import type { Purpose } from './record.ts';

/** One turn of the history: a reply, and what its calls returned. */
export interface RenderedTurn {
  readonly reply: string;
  /** Observations of the reply's calls in order; empty when it had none. Null when masked: the text need not be loaded. */
  readonly observations: readonly string[] | null;
}

/** What a prompt is made of. */
export interface PromptParts {
  readonly systemPrompt: string;
  readonly question: string;
  readonly turns: readonly RenderedTurn[];
  readonly purpose: Purpose;
}

/**
 * The messages of a model call: everything thought and called, the observations in view, a placeholder for the others.
 *
 * Pure and total: the same parts give the same bytes, on every worker and on every day.
 */
export function renderPrompt(parts: PromptParts, dialect: Dialect): Message[] {
  const messages: Message[] = [
    { role: 'system', content: parts.systemPrompt },
    { role: 'user', content: dialect.taskMessage(parts.question) },
  ];
  for (const turn of parts.turns) {
    messages.push({ role: 'assistant', content: turn.reply });
    if (turn.observations === null) messages.push({ role: 'user', content: dialect.omitted });
    else if (turn.observations.length > 0) {
      messages.push({ role: 'user', content: dialect.joinObservations(turn.observations) });
    }
  }
  if (parts.purpose === 'final') messages.push({ role: 'user', content: dialect.finalPrompt(parts.question) });
  return messages;
}
