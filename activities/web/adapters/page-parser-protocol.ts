import { z } from 'zod';

import { documentKinds } from '../reading/document-kind.ts';

/** What the parent sends to the parser process. */
export const parseJobSchema = z.object({
  id: z.int(),
  bytes: z.custom<Uint8Array>((value) => value instanceof Uint8Array),
  contentType: z.string(),
  url: z.string(),
  /** Is a PDF read by a tool of the host, so that it is only to be recognised here? */
  leavesPdf: z.boolean(),
});
export type ParseJob = z.infer<typeof parseJobSchema>;

/** A document as it was read. */
export const parsedPageSchema = z.object({
  kind: z.enum(documentKinds),
  mediaType: z.string(),
  title: z.string().nullable(),
  markdown: z.string(),
  links: z.array(z.object({ text: z.string(), url: z.string() })),
  truncated: z.boolean(),
});
export type ParsedPage = z.infer<typeof parsedPageSchema>;

/** What the parser process sends back: `ready` once, then one answer a job. */
export const parseAnswerSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('parsed'), id: z.int(), page: parsedPageSchema }),
  /** A PDF, left to a tool of the host. */
  z.object({ type: z.literal('pdf'), id: z.int() }),
  /** `error` is a sentence of ours or the name of an error class, never a library's message. */
  z.object({ type: z.literal('failed'), id: z.int(), error: z.string() }),
]);
export type ParseAnswer = z.infer<typeof parseAnswerSchema>;
