import { z } from 'zod';
import type { ServerFacts } from '../pool/ports.ts';

/** Requests beside the API proper, by their path from the root. */
export type Ask = (path: string, signal: AbortSignal) => Promise<Response>;

const modelsSchema = z.looseObject({
  data: z.array(
    z.looseObject({
      id: z.string(),
      max_model_len: z.number().nullish(),
      meta: z.looseObject({ n_ctx: z.number().optional() }).nullish(),
    }),
  ),
});
const versionSchema = z.looseObject({ version: z.string() });
const propsSchema = z.looseObject({
  total_slots: z.number().default(0),
  default_generation_settings: z.looseObject({ n_ctx: z.number().nullish() }),
  build_info: z.string().nullish(),
});

/** Largest answer of a server about itself, in characters: metrics may be long, but not that long. */
const maxAnswerChars = 4_000_000;

/** The text at a path; null when the server answers with an error. */
export async function askText(ask: Ask, path: string, signal: AbortSignal): Promise<string | null> {
  const response = await ask(path, signal);
  const text = await response.text();
  return response.ok && text.length <= maxAnswerChars ? text : null;
}

/** An answer of this shape, or null: whoever does not know the path answers something else. */
async function askJson<T>(
  { ask, schema }: { readonly ask: Ask; readonly schema: z.ZodType<T> },
  path: string,
  signal: AbortSignal,
): Promise<T | null> {
  const text = await askText(ask, path, signal);
  if (text === null) return null;
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

type Found = Pick<ServerFacts, 'engine' | 'version' | 'slots'> & { readonly windowTokens: number | null };

const unknown: Found = { engine: null, version: null, slots: null, windowTokens: null };

/** Each family has a path that the others do not know. *Source:* the servers of llama.cpp, vLLM and SGLang. */
const detectors: readonly ((ask: Ask, signal: AbortSignal) => Promise<Found | null>)[] = [
  async (ask, signal) => {
    const props = await askJson({ ask, schema: propsSchema }, '/props', signal);
    if (props === null) return null;
    const windowTokens = props.default_generation_settings.n_ctx ?? null;
    return { engine: 'llamacpp', version: props.build_info ?? null, slots: props.total_slots, windowTokens };
  },
  async (ask, signal) => {
    const version = await askJson({ ask, schema: versionSchema }, '/version', signal);
    return version === null ? null : { ...unknown, engine: 'vllm', version: version.version };
  },
  async (ask, signal) => {
    const info = await askJson({ ask, schema: versionSchema }, '/get_server_info', signal);
    return info === null ? null : { ...unknown, engine: 'sglang', version: info.version };
  },
  async (ask, signal) => {
    const metrics = (await askText(ask, '/metrics', signal)) ?? '';
    if (metrics.includes('vllm:')) return { ...unknown, engine: 'vllm' };
    return metrics.includes('sglang:') ? { ...unknown, engine: 'sglang' } : null;
  },
];

/** What a server says of itself: its family, its models and their windows. Rejects when it cannot be asked. */
export async function describeServer(ask: Ask, signal: AbortSignal): Promise<ServerFacts> {
  const listed = await askJson({ ask, schema: modelsSchema }, '/v1/models', signal);
  let found: Found | null = null;
  for (const detect of detectors) found ??= await detect(ask, signal);
  const { windowTokens, ...facts } = found ?? unknown;
  const models = (listed?.data ?? []).map(({ id, max_model_len: window, meta }) => ({
    id,
    windowTokens: window ?? meta?.n_ctx ?? windowTokens,
  }));
  return { ...facts, models };
}
