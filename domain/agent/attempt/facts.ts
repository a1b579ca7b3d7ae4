import { z } from 'zod';

/** A call of a reply, by what decides about it. */
export const callFactsSchema = z.strictObject({
  server: z.string(),
  tool: z.string(),
  /** Short hash of what makes it a repeat of another call; null when it never is one. */
  key: z.string().nullable(),
  /** False when no tool of the run answers to it, or its arguments are no object. */
  executable: z.boolean(),
});
export type CallFacts = z.infer<typeof callFactsSchema>;

/** What a reply says, without its text. */
export const replyFactsSchema = z.strictObject({
  finish: z.enum(['stop', 'length', 'other']),
  empty: z.boolean(),
  /** The end of the reply is all over it. */
  repeats: z.boolean(),
  /** It holds a server's words for a full window. */
  saysOverflow: z.boolean(),
  protocolTag: z.boolean(),
  refusal: z.boolean(),
  /** It holds a boxed answer that says something. */
  boxed: z.boolean(),
  calls: z.array(callFactsSchema),
  /** Tokens of the call as the server counted them. */
  promptTokens: z.int().min(0),
  completionTokens: z.int().min(0),
});
export type ReplyFacts = z.infer<typeof replyFactsSchema>;

/** What a call gave, without its text. */
export const resultFactsSchema = z.strictObject({
  /** `failed` is an error that the model is shown; `provider-failed` a search that its provider could not make. */
  status: z.enum(['ok', 'failed', 'provider-failed']),
  /** An unknown tool, refused arguments or an empty search. */
  asksRollback: z.boolean(),
  /** Our count of what the model is shown. */
  tokens: z.int().min(0),
});
export type ResultFacts = z.infer<typeof resultFactsSchema>;
