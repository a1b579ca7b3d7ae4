import { z } from 'zod';

const modelRequestSchema = z.looseObject({
  index: z.int(),
  at: z.iso.datetime(),
  stepKey: z.string().nullable(),
  /** The agent's own calls name their run; calls of the page reader do not. */
  session: z.string().nullable(),
  outcome: z.enum(['open', 'complete', 'cut', 'aborted']),
});
export type ModelRequest = z.infer<typeof modelRequestSchema>;

const corpusRequestSchema = z.looseObject({ at: z.iso.datetime(), stepKey: z.string().nullable() });
export type CorpusRequest = z.infer<typeof corpusRequestSchema>;

async function readJson<T>(url: string, schema: z.ZodType<T>): Promise<T> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  return schema.parse(await response.json());
}

/** Every request that the stand-in model received, in order of arrival. */
export function readModelLog(url: string): Promise<ModelRequest[]> {
  return readJson(url, z.array(modelRequestSchema));
}

/** Every page that was asked of the corpus. */
export function readCorpusLog(url: string): Promise<CorpusRequest[]> {
  return readJson(url, z.array(corpusRequestSchema));
}
