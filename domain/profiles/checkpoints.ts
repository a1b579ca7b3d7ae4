import type { Checkpoint, Variant } from '../agent/profile-settings.ts';

const window = 262_144;
const card = 'model card and README of MiroMindAI/MiroThinker';
const secondHand = 'reported by others; measure before relying on it';

/** How the makers serve every size in full precision. */
function official(name: string): Variant {
  return {
    form: 'bf16',
    checkpoint: `miromind-ai/${name}`,
    status: 'official',
    publishers: ['miromind-ai'],
    server: 'sglang',
    flags: ['--tp', '4', '--dp', '1', '--trust-remote-code'],
    source: card,
  };
}

/** vLLM for this agent: the whole window, and a prefix cache. */
const vllmFlags = ['--max-model-len', String(window), '--enable-prefix-caching', '--trust-remote-code'];

/** A form that nobody is known to publish. */
function unconfirmed(form: Variant['form'], flags: readonly string[]): Variant {
  return {
    form,
    checkpoint: null,
    status: 'unconfirmed',
    publishers: [],
    server: 'vllm',
    flags: [...vllmFlags, ...flags],
    source: 'no checkpoint of this form is confirmed',
  };
}

/** FP8 of the official weights as they are loaded. */
function fp8OnTheFly(name: string): Variant {
  return {
    form: 'fp8',
    checkpoint: `miromind-ai/${name}`,
    status: 'official',
    publishers: ['miromind-ai'],
    server: 'sglang',
    flags: ['--quantization', 'fp8', '--mem-fraction-static', '0.9', '--tp', '1', '--dp', '1', '--trust-remote-code'],
    source: 'official demo of MiroThinker, 1.5-30B',
  };
}

function fp8(publishers: readonly string[], flags: readonly string[]): Variant {
  return { ...unconfirmed('fp8', flags), status: 'community', publishers: [...publishers], source: secondHand };
}

/** AutoAWQ files need the Marlin kernels in half precision; compressed-tensors files are found out by the server. */
function awq4(checkpoint: string | null, flags: readonly string[] = []): Variant {
  const awq = ['--quantization', 'awq_marlin', '--dtype', 'float16'];
  const variant = unconfirmed('awq-4bit', [...awq, ...flags]);
  if (checkpoint === null) return variant;
  return { ...variant, checkpoint, status: 'community', publishers: ['cyankiwi'], source: secondHand };
}

/** 8-bit files would be loaded as compressed tensors, without a flag. */
const awq8 = unconfirmed('awq-8bit', []);

function gguf(publishers: readonly string[]): Variant {
  return {
    form: 'gguf',
    checkpoint: null,
    status: publishers.length > 0 ? 'community' : 'unconfirmed',
    publishers: [...publishers],
    server: 'llama.cpp',
    flags: ['-ngl', '99', '--ctx-size', String(window), '--jinja', '--reasoning-format', 'none'],
    source: publishers.length > 0 ? `${secondHand}; llama-server flags of the official demo` : 'no file is confirmed',
  };
}

function int4(checkpoint: string): Variant {
  return {
    form: 'int4-autoround',
    checkpoint,
    status: 'community',
    publishers: ['Intel'],
    server: 'vllm',
    flags: [...vllmFlags, '--dtype', 'bfloat16'],
    source: secondHand,
  };
}

/** How a 235B in 4 bits was seen to run on eight cards. */
const eightCardFlags = [
  '--tensor-parallel-size',
  '8',
  '--gpu-memory-utilization',
  '0.95',
  '--max-num-seqs',
  '32',
  '--kv-cache-dtype',
  'fp8',
  '--enable-chunked-prefill',
];

const qwen8b = { base: 'Qwen3-8B', baseWindowTokens: 32_768, kvBytesPerToken: 147_456, weightsGb: 16 };
const qwen30b = {
  base: 'Qwen3-30B-A3B-Thinking-2507',
  baseWindowTokens: window,
  kvBytesPerToken: 98_304,
  weightsGb: 61,
};
const qwen72b = { base: 'Qwen2.5-72B-Instruct', baseWindowTokens: 32_768, kvBytesPerToken: 327_680, weightsGb: 145 };
const qwen235b = {
  base: 'Qwen3-235B-A22B-Thinking-2507',
  baseWindowTokens: window,
  kvBytesPerToken: 192_512,
  weightsGb: 470,
};

const ggufOfV1 = ['bartowski', 'mradermacher', 'DevQuasar', 'MaziyarPanahi'];

/**
 * The models that presets are made for, with every form of their weights that is known.
 *
 * No quantised checkpoint is official, and none has published scores: each needs its own before it is called equal.
 */
export const checkpoints: readonly Checkpoint[] = [
  {
    name: 'MiroThinker-v1.0-8B',
    ...qwen8b,
    windowTokens: window,
    variants: [
      official('MiroThinker-v1.0-8B'),
      unconfirmed('fp8', ['--quantization', 'fp8']),
      awq4(null),
      awq8,
      gguf(ggufOfV1),
    ],
    source: card,
  },
  {
    name: 'MiroThinker-v1.0-30B',
    ...qwen30b,
    windowTokens: window,
    variants: [
      official('MiroThinker-v1.0-30B'),
      unconfirmed('fp8', ['--quantization', 'fp8']),
      awq4(null),
      awq8,
      gguf([...ggufOfV1, 'noctrex']),
    ],
    source: card,
  },
  {
    name: 'MiroThinker-v1.0-72B',
    ...qwen72b,
    windowTokens: window,
    variants: [
      official('MiroThinker-v1.0-72B'),
      unconfirmed('fp8', ['--quantization', 'fp8']),
      awq4('cyankiwi/MiroThinker-v1.0-72B-AWQ-4bit'),
      awq8,
      gguf(ggufOfV1),
    ],
    source: card,
  },
  {
    name: 'MiroThinker-v1.5-30B',
    ...qwen30b,
    windowTokens: window,
    variants: [
      official('MiroThinker-v1.5-30B'),
      fp8OnTheFly('MiroThinker-v1.5-30B'),
      fp8(['lancew'], ['--tensor-parallel-size', '4']),
      awq4('cyankiwi/MiroThinker-v1.5-30B-AWQ-4bit'),
      awq8,
      gguf(['mradermacher']),
    ],
    source: card,
  },
  {
    name: 'MiroThinker-v1.5-235B',
    ...qwen235b,
    windowTokens: window,
    variants: [
      official('MiroThinker-v1.5-235B'),
      fp8(['lancew'], ['--tensor-parallel-size', '16']),
      awq4(null, eightCardFlags),
      awq8,
      gguf([]),
    ],
    source: card,
  },
  {
    name: 'MiroThinker-1.7-mini',
    ...qwen30b,
    windowTokens: window,
    variants: [
      official('MiroThinker-1.7-mini'),
      unconfirmed('fp8', ['--quantization', 'fp8']),
      awq4(null),
      awq8,
      int4('Intel/MiroThinker-1.7-mini-int4-AutoRound'),
      gguf(['mradermacher', 'Mungert']),
      { ...gguf(['mlx-community']), form: 'mlx-4bit', server: 'mlx', flags: [], source: secondHand },
    ],
    source: `${card}; its base is second-hand`,
  },
  {
    name: 'MiroThinker-1.7',
    ...qwen235b,
    windowTokens: window,
    variants: [
      official('MiroThinker-1.7'),
      unconfirmed('fp8', ['--quantization', 'fp8']),
      awq4(null),
      awq8,
      int4('Intel/MiroThinker-1.7-int4-AutoRound'),
      gguf([]),
    ],
    source: card,
  },
];
