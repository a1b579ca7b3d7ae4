import { z } from 'zod';

const partSchema = z.looseObject({ type: z.string(), text: z.string().optional() });

const messageSchema = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: z.union([z.string(), z.array(partSchema)]).nullish(),
});

/** The fields of a chat completion request that the development server uses; others pass. */
export const chatBodySchema = z.looseObject({
  model: z.string(),
  messages: z.array(messageSchema).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
});
export type ChatBody = z.infer<typeof chatBodySchema>;

/** A message with its text as one string. */
export interface ChatMessage {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool';
  readonly text: string;
}

/** A request as a mind sees it. */
export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  /** Position in the conversation: how many assistant messages the request holds. */
  readonly position: number;
  /** The run that asks, from `x-upstream-session-id`; null when none is named. */
  readonly session: string | null;
}

/** Line of the prompt that asks for the boxed answer. */
const finalRequestLine = 'This is the final answer request.';

/** Line of the prompt that asks to read a page. */
const readerRequestLine = 'This is a page extraction request.';

/** What stands for an observation that is no longer in view. Source: MiroThinker protocol §3.3. */
export const omittedObservation = 'Tool result is omitted to save tokens.';

function toText(content: z.infer<typeof messageSchema>['content']): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => part.text ?? '').join('');
}

/** The request as minds see it. */
export function toChatRequest(body: ChatBody, session: string | null): ChatRequest {
  const messages = body.messages.map((message) => ({ role: message.role, text: toText(message.content) }));
  const position = messages.filter((message) => message.role === 'assistant').length;
  return { model: body.model, messages, position, session };
}

/** The last message's text. */
export function lastText(request: ChatRequest): string {
  return request.messages.at(-1)?.text ?? '';
}

/** Does the last message ask for the final answer? */
export function isFinalRequest(request: ChatRequest): boolean {
  return hasLine(lastText(request), finalRequestLine);
}

/** Is this one question of the page reader, outside any conversation? */
export function isReaderRequest(request: ChatRequest): boolean {
  return request.position === 0 && hasLine(lastText(request), readerRequestLine);
}

function hasLine(text: string, line: string): boolean {
  return text.split('\n').some((each) => each.trim() === line);
}
