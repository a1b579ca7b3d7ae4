import type { Message } from '../dialects/dialect.ts';

/** Stands inside a broken token: of no width for a reader, and part of no added token. */
const wedge = '\u200b';

/**
 * What tokenizers of chat models hold as one token of their own: anything between `<|` and `|>` (also with DeepSeek's full-width bars),
 * and the tags of Qwen2.5 and Qwen3.
 *
 * *Source:* `added_tokens` of the Qwen3 tokenizer, on which all MiroThinker checkpoints stand.
 */
const controlPattern = /<(?=[|｜][^|｜<>\s]{1,64}[|｜]>|\/?(?:think|tool_call|tool_response)>)/gu;

/** In the model's own replies the thinking tags are its protocol. */
const controlPatternInReply = /<(?=[|｜][^|｜<>\s]{1,64}[|｜]>|\/?(?:tool_call|tool_response)>)/gu;

/**
 * The text with every added token of the served tokenizer broken, so that no page or answer can end a message or open another.
 *
 * *Contract:* pure, total, idempotent; equal texts give equal bytes, so that prefixes stay as they were.
 */
export function breakControlTokens(text: string, role: Message['role']): string {
  return text.replaceAll(role === 'assistant' ? controlPatternInReply : controlPattern, `<${wedge}`);
}
