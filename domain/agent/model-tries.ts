import type { AgentRules } from './rules.ts';
import { countCodePoints, lastCodePoints } from './text/code-points.ts';

/** Tries of one model call. Source: MiroThinker protocol §2.3. */
export const maxTries = 10;

/** Room that a cut reply gets at its next try, as a factor. */
const growth = 1.1;

/** Stands for a reply that was cut before its first character. Source: MiroThinker `370f983`. */
const emptyTruncated = 'LLM response is empty.';

/** Words of a server that has no room left, in a reply that it cut. */
const overflowWords = 'Context length exceeded';

const repeatedTail = 50;
const maxRepeats = 5;

/** Why the server stopped: at the end of the reply, at its limit of tokens, or for another reason. */
export type Finish = 'stop' | 'length' | 'other';

/** Facts of one try of a model call. */
export interface TryFacts {
  readonly finish: Finish;
  readonly empty: boolean;
  /** The end of the reply is all over it. */
  readonly repeats: boolean;
  /** The reply holds a server's words for a full window. */
  readonly saysOverflow: boolean;
}

/** A try that is being made. */
export interface Try {
  /** From 1. */
  readonly number: number;
  readonly maxTokens: number;
}

/** What follows a try. */
export type TryVerdict =
  /** The reply stands; `stop` ends the loop of turns. */
  | { readonly type: 'take'; readonly stop: boolean }
  | { readonly type: 'again'; readonly maxTokens: number; readonly cause: 'truncated' | 'repetition' | 'failed' }
  | { readonly type: 'fail'; readonly cause: 'truncated' | 'repetition' | 'unsupported' | 'failed' };

/** Does the text's end, 50 code points of it, stand in it more than five times? */
export function isRepetitive(text: string): boolean {
  if (text.length < repeatedTail || countCodePoints(text) < repeatedTail) return false;
  const tail = lastCodePoints(text, repeatedTail);
  let found = 0;
  for (let index = text.indexOf(tail); index >= 0; index = text.indexOf(tail, index + tail.length)) found += 1;
  return found > maxRepeats;
}

/** The facts of a reply that decide whether it stands. */
export function readTry(text: string, finish: Finish): TryFacts {
  return { finish, empty: text === '', repeats: isRepetitive(text), saysOverflow: text.includes(overflowWords) };
}

/** The text of a reply as the history has it: one that was cut before its first character is said to be empty. */
export function toTakenText(text: string, finish: Finish): string {
  return finish === 'length' && text === '' ? emptyTruncated : text;
}

function judgeTruncated(rules: Pick<AgentRules, 'truncated'>, at: Try, facts: TryFacts): TryVerdict {
  const isLast = at.number >= maxTries;
  if (rules.truncated === 'refuse') {
    return isLast
      ? { type: 'fail', cause: 'truncated' }
      : { type: 'again', maxTokens: at.maxTokens, cause: 'truncated' };
  }
  if (isLast) return { type: 'take', stop: facts.saysOverflow };
  return { type: 'again', maxTokens: Math.trunc(at.maxTokens * growth), cause: 'truncated' };
}

/** Judges a try that brought a reply. Source: MiroThinker protocol §2.3. */
export function judgeTry(rules: Pick<AgentRules, 'truncated'>, at: Try, facts: TryFacts): TryVerdict {
  if (facts.finish === 'length') return judgeTruncated(rules, at, facts);
  const isLast = at.number >= maxTries;
  if (facts.repeats && !isLast) return { type: 'again', maxTokens: at.maxTokens, cause: 'repetition' };
  if (facts.finish === 'other') return { type: 'fail', cause: 'unsupported' };
  if (facts.repeats && rules.truncated === 'refuse') return { type: 'fail', cause: 'repetition' };
  return { type: 'take', stop: false };
}

/** Judges a try that failed; a prompt longer than the window is not sent again. */
export function judgeFailedTry(at: Try, overflow: boolean): TryVerdict {
  if (overflow || at.number >= maxTries) return { type: 'fail', cause: 'failed' };
  return { type: 'again', maxTokens: at.maxTokens, cause: 'failed' };
}
