import { type ChatMessage, omittedObservation } from './chat-request.ts';

/** Token counts of a reply, as estimated here: four characters are a token, and each message costs four more. */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
}

/** Prefix caches work in blocks of this many tokens. */
const cacheBlockTokens = 16;

/** Rough count of a text's tokens. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

/** Rough count of a conversation's tokens. */
export function promptTokens(messages: readonly ChatMessage[]): number {
  return messages.reduce((sum, message) => sum + 4 + estimateTokens(message.text), 0);
}

/**
 * Tokens that a prefix cache would hold from the request one turn earlier.
 *
 * A function of the request alone, so that a repeated request has the same usage: the earlier request ended before the last
 * assistant message, and still showed the observation that was masked last.
 */
export function cachedTokens(messages: readonly ChatMessage[]): number {
  const lastReply = messages.findLastIndex((message) => message.role === 'assistant');
  if (lastReply < 0) return 0;
  const lastMasked = messages.findLastIndex(
    (message) => message.role === 'user' && message.text === omittedObservation,
  );
  const shared = lastMasked < 0 ? lastReply : Math.min(lastReply, lastMasked);
  return Math.floor(promptTokens(messages.slice(0, shared)) / cacheBlockTokens) * cacheBlockTokens;
}
