import { z } from 'zod';

/** What the parent sends to the parser process. */
export const parseJobSchema = z.object({
  id: z.int(),
  kind: z.enum(['html', 'text']),
  bytes: z.custom<Uint8Array>((value) => value instanceof Uint8Array),
  contentType: z.string(),
  url: z.string(),
});
export type ParseJob = z.infer<typeof parseJobSchema>;

/** What the parser process sends back: `ready` once, then one answer a job. */
export const parseAnswerSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('parsed'), id: z.int(), title: z.string().nullable(), text: z.string() }),
  /** `error` is the name of an error class or the limit that was broken, never a library's message. */
  z.object({ type: z.literal('failed'), id: z.int(), error: z.string() }),
]);
export type ParseAnswer = z.infer<typeof parseAnswerSchema>;

/** Markdown longer than this is cut, in UTF-16 units. */
export const maxParsedChars = 8 * 1024 * 1024;
/** A title longer than this is cut, in UTF-16 units. */
export const maxTitleChars = 1000;
