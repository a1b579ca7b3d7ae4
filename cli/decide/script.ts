import { z } from 'zod';
import type { Finish } from '../../domain/agent/model-tries.ts';

/** A scripted reply, which holds for all tries of one model call. */
export const scriptedReplySchema = z.union([
  z.object({ fail: z.string() }),
  z.object({
    text: z.string(),
    finish: z.string().default('stop'),
    promptTokens: z.int().min(0).default(0),
    completionTokens: z.int().min(0).default(0),
  }),
]);
export type ScriptedReply = z.infer<typeof scriptedReplySchema>;

/** What every call gets behind the end of the script. */
export const scriptEnd: ScriptedReply = {
  text: String.raw`\boxed{script ended}`,
  finish: 'stop',
  promptTokens: 0,
  completionTokens: 0,
};

/** The server's word for why it stopped. */
export function toFinish(finish: string): Finish {
  return finish === 'stop' || finish === 'length' ? finish : 'other';
}

/** Does an error's text say that the prompt is longer than the window? Source: MiroThinker protocol §2.3. */
export function isOverflow(text: string): boolean {
  return text.includes('Error code: 400') && text.includes('longer than the model');
}
