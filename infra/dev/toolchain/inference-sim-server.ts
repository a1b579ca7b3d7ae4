import { join } from 'node:path';
import { findFreePort } from '../ports.ts';
import { startOwnedProcess, waitUntilReady } from './owned-process.ts';

const READY_MS = 20_000;

/** Tokens of a block of the simulated KV cache. */
export const simBlockTokens = 16;

export interface InferenceSimOptions {
  /** Path of llm-d-inference-sim. */
  readonly binary: string;
  /** Takes its log. */
  readonly directory: string;
  /** Name of the model that it serves. */
  readonly model: string;
  /** Blocks of its KV cache. */
  readonly kvBlocks: number;
  /** Absent: a free one. */
  readonly port?: number;
  /** Further arguments, such as `--failure-injection-rate`. */
  readonly more?: readonly string[];
}

export interface InferenceSimServer {
  /** Base URL as OpenAI clients take it, ending in `/v1`. */
  readonly url: string;
  readonly pid: number;
  /** Ends it and waits until it is gone. *Contract:* idempotent. */
  readonly stop: () => Promise<void>;
}

/** Starts one simulated vLLM replica. @throws AppError `Engine.Unavailable` with the end of its log. */
export async function startInferenceSim(options: InferenceSimOptions): Promise<InferenceSimServer> {
  const port = options.port ?? (await findFreePort());
  const origin = `http://127.0.0.1:${port}`;
  const processOptions = {
    title: 'the vLLM simulator',
    command: options.binary,
    args: toArguments(options, port),
    // The cache refuses to work without an address of its own.
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', POD_IP: '127.0.0.1' },
    logFile: join(options.directory, `inference-sim-${port}.log`),
  };
  const owned = await startOwnedProcess(processOptions);
  await waitUntilReady(owned, processOptions, { isReady: () => isHealthy(origin), limitMs: READY_MS });
  return { url: `${origin}/v1`, pid: owned.pid, stop: owned.stop };
}

function toArguments({ model, kvBlocks, more = [] }: InferenceSimOptions, port: number): string[] {
  const groups = [
    ['--port', String(port), '--model', model, '--mode', 'random', '--seed', '7'],
    ['--enable-kvcache', '--kv-cache-size', String(kvBlocks), '--block-size', String(simBlockTokens)],
    // The real tokenizer of a model would have to be fetched; the dummy one splits at words.
    ['--force-dummy-tokenizer', '--max-model-len', '1000000', '--max-num-seqs', '64'],
    more,
  ];
  return groups.flat();
}

async function isHealthy(origin: string): Promise<boolean> {
  try {
    const response = await fetch(`${origin}/health`, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
