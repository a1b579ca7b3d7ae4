/**
 * How many of the user messages behind the first stay in view, counted from the newest.
 *
 * @param keep K; −1 keeps all, lower is taken for −1
 *
 * Source: MiroThinker protocol §4.1. The first user message is the task and always stays; whatever follows it counts, the prompt
 * that asks for the final answer too.
 */
export function firstLiveMessage(count: number, keep: number): number {
  return keep < 0 ? 0 : Math.max(0, count - keep);
}

/** What retention does, and by how much it lets the view grow before it trims. */
export interface Retention {
  /** K: newest user messages that stay in view; −1 keeps all. */
  readonly keep: number;
  /** B: the view may grow to K + B before it is cut to K again; 0 is exact K. */
  readonly batch: number;
}

/**
 * The first message in view under batched retention: it stays where it was until more than K + B are in view.
 *
 * @param previous first message in view at the call before
 */
export function firstLiveBatched(retention: Retention, count: number, previous: number): number {
  const { keep, batch } = retention;
  if (keep < 0) return 0;
  const exact = firstLiveMessage(count, keep);
  return count - previous > keep + batch ? exact : Math.min(previous, exact);
}

/** A message of a history, with whatever its content is. */
export interface RoleMessage {
  readonly role: string;
}

/** Which messages of a history are masked when the first `firstLive` user messages behind the task are. */
export function isMasked(messages: readonly RoleMessage[], firstLive: number): boolean[] {
  let seen = -1;
  return messages.map(({ role }) => {
    if (role !== 'user' && role !== 'tool') return false;
    seen += 1;
    return seen > 0 && seen <= firstLive;
  });
}

/** How many user messages a history has behind its first. */
export function countUserMessages(messages: readonly RoleMessage[]): number {
  return Math.max(0, messages.filter(({ role }) => role === 'user' || role === 'tool').length - 1);
}

/** Stands where an observation was that is out of view. Source: MiroThinker protocol §3.3. */
export const omittedObservation = 'Tool result is omitted to save tokens.';
