import type { OpenAI } from 'openai';
import type { ModelPool } from '../../../domain/pool/pool-config.ts';
import { parseServerMetrics } from '../../../domain/pool/server-metrics.ts';
import type { ModelServer } from '../pool/ports.ts';
import { type Ask, askText, describeServer } from './describe-server.ts';
import { createSlotPins } from './slot-pins.ts';
import { callWithinHabits, type RefusedFields } from './openai.ts';

/** What a replica's server is made of. */
export interface ModelServerOptions {
  readonly client: OpenAI;
  /** Ending in `/v1`. */
  readonly url: string;
  readonly pool: Pick<ModelPool, 'engine' | 'send' | 'health' | 'timeouts' | 'models'>;
  readonly apiKey: string | null;
}

/** They live at the root, above `/v1`. */
function createAsk({ url, apiKey }: ModelServerOptions): Ask {
  const root = url.replace(/\/v1\/?$/u, '');
  const headers = apiKey === null ? {} : { authorization: `Bearer ${apiKey}` };
  return (path, signal) => fetch(`${root}${path}`, { signal, headers });
}

/** Speaks to one replica. What it is found to be and to refuse is kept for as long as this object lives. */
export function createModelServer(options: ModelServerOptions): ModelServer {
  const { client, pool } = options;
  const ask = createAsk(options);
  const refused: RefusedFields = new Set();
  const pins = createSlotPins();
  let engine = pool.engine;
  return {
    complete: (request, { signal, served, onByte }) => {
      const slot = pool.send.idSlot && engine === 'llamacpp' ? pins.slotOf(request.sessionId) : null;
      const name = served?.served ?? request.model.name;
      const habits = { engine, send: pool.send, refused, slot };
      return callWithinHabits({ client, limits: pool.timeouts }, { request, served: name, habits }, { signal, onByte });
    },
    probe: async (signal) => {
      try {
        const response = await ask(pool.health.path, signal);
        await response.body?.cancel();
        return response.ok;
      } catch {
        return false;
      }
    },
    tryOut: async (signal) => {
      const [model] = pool.models;
      try {
        await client.chat.completions.create(
          {
            model: model?.served ?? model?.name ?? '',
            messages: [{ role: 'user', content: 'ping' }],
            // vLLM, SGLang and llama.cpp know this name; the newer one is OpenAI's alone.
            // oxlint-disable-next-line typescript/no-deprecated
            max_tokens: 1,
          },
          { signal },
        );
        return true;
      } catch {
        return false;
      }
    },
    readLoad: async (signal) => {
      try {
        const text = await askText(ask, '/metrics', signal);
        return text === null ? null : parseServerMetrics(text);
      } catch {
        return null;
      }
    },
    describe: async (signal) => {
      const facts = await describeServer(ask, signal);
      engine = pool.engine ?? facts.engine;
      pins.resize(facts.slots);
      return { ...facts, engine };
    },
  };
}
