import { z } from 'zod';

const modelEntrySchema = z.looseObject({
  at: z.string().transform((text) => Date.parse(text)),
  stepKey: z.string().nullable(),
  session: z.string().nullable(),
  digest: z.string(),
  bodyBytes: z.number(),
  outcome: z.string(),
});
/** A request that the model server received; `at` in milliseconds since the epoch. */
export type ModelEntry = z.infer<typeof modelEntrySchema>;

const toolEntrySchema = modelEntrySchema.omit({ session: true }).extend({ tool: z.string() });
/** A request that the tool server received. */
export type ToolEntry = z.infer<typeof toolEntrySchema>;

const pageEntrySchema = z.looseObject({ url: z.string(), at: z.string().transform((text) => Date.parse(text)) });
/** A request that the corpus server received. */
export type PageEntry = z.infer<typeof pageEntrySchema>;

async function readLog<T>(url: string, schema: z.ZodType<T>): Promise<T> {
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  return schema.parse(await response.json());
}

/** All requests that a model server has received, in order. */
export function readModelLog(baseUrl: string): Promise<ModelEntry[]> {
  return readLog(new URL('/log', baseUrl).href, z.array(modelEntrySchema));
}

/** All requests that a tool server has received, in order. */
export function readToolLog(baseUrl: string): Promise<ToolEntry[]> {
  return readLog(new URL('/log', baseUrl).href, z.array(toolEntrySchema));
}

/** All requests that a corpus server has received, in order; its log has an address of its own. */
export function readPageLog(logUrl: string): Promise<PageEntry[]> {
  return readLog(logUrl, z.array(pageEntrySchema));
}
