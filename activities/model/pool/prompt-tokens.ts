import type { Message } from '../../../domain/dialects/dialect.ts';

/** Tokens of a character before anything is known. */
const firstGuess = 0.25;

/** How fast the guess follows what servers count. */
const learningRate = 0.1;

/** Guesses how long a prompt is: what matters is how many contexts fit into a cache, not their exact size. */
export interface PromptTokens {
  readonly estimate: (messages: readonly Message[]) => number;
  /** A server counted the tokens of a prompt. */
  readonly learn: (messages: readonly Message[], inputTokens: number) => void;
}

function countChars(messages: readonly Message[]): number {
  return messages.reduce((sum, { content }) => sum + content.length, 0);
}

/** Guesses by length, at the ratio that the pool's servers have counted so far. */
export function createPromptTokens(): PromptTokens {
  let tokensPerChar = firstGuess;
  return {
    estimate: (messages) => Math.ceil(countChars(messages) * tokensPerChar),
    learn: (messages, inputTokens) => {
      const chars = countChars(messages);
      if (chars > 0) tokensPerChar += learningRate * (inputTokens / chars - tokensPerChar);
    },
  };
}
