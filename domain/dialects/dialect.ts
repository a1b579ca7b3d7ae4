import type { ToolCall, ToolDefinition } from '../tools.ts';

/** A chat message as it is sent. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** What a reply asks for. */
export interface ParsedReply {
  readonly calls: readonly ToolCall[];
  /** The reply carries the protocol's tags but no call that could be read. */
  readonly malformed: boolean;
}

/** How a tool's result is told to the model. */
export type ToolOutcome =
  | { readonly status: 'ok'; readonly text: string }
  | { readonly status: 'failed'; readonly message: string };

/**
 * Owns how a model is spoken to: prompt, parsing, result format, placeholder.
 *
 * *Contract:* pure; no method throws on any text.
 */
export interface Dialect {
  readonly systemPrompt: (context: { readonly tools: readonly ToolDefinition[]; readonly date: string }) => string;
  readonly taskMessage: (question: string) => string;
  readonly parseReply: (text: string) => ParsedReply;
  readonly formatObservation: (
    call: { readonly server: string; readonly tool: string },
    outcome: ToolOutcome,
  ) => string;
  /** Joins the observations of one message's calls into the user message that follows it. */
  readonly joinObservations: (observations: readonly string[]) => string;
  /** Stands where an observation was that retention has masked. */
  readonly omitted: string;
  readonly finalPrompt: (question: string) => string;
}
