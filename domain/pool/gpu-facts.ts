/** What a model costs to serve. */
export interface ModelShape {
  readonly name: string;
  /** Multiplications and additions of one token besides attention. */
  readonly flopsPerToken: number;
  /** Those of attention, for one token and each token before it. */
  readonly flopsPerTokenPair: number;
  /** KV cache of one token in BF16. */
  readonly kvBytesPerToken: number;
  /** All weights in BF16. */
  readonly weightBytes: number;
  /** Part of the weights that a large batch reads at a step: experts that nobody asks for are not read. */
  readonly weightsRead: number;
}

interface Architecture {
  readonly name: string;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly activeParameters: number;
  readonly weightBytes: number;
  readonly weightsRead: number;
}

const headWidth = 128;
const bf16Bytes = 2;

function toShape(model: Architecture): ModelShape {
  return {
    name: model.name,
    flopsPerToken: 2 * model.activeParameters,
    flopsPerTokenPair: 4 * model.layers * model.heads * headWidth,
    kvBytesPerToken: 2 * model.layers * model.kvHeads * headWidth * bf16Bytes,
    weightBytes: model.weightBytes,
    weightsRead: model.weightsRead,
  };
}

/** The bases of the MiroThinker checkpoints. *Source:* their published architectures. */
export const modelShapes = {
  'qwen3-8b': toShape({
    name: 'Qwen3-8B',
    layers: 36,
    heads: 32,
    kvHeads: 8,
    activeParameters: 8.2e9,
    weightBytes: 16e9,
    weightsRead: 1,
  }),
  'qwen3-30b-a3b': toShape({
    name: 'Qwen3-30B-A3B',
    layers: 48,
    heads: 32,
    kvHeads: 4,
    activeParameters: 3.3e9,
    weightBytes: 61e9,
    weightsRead: 0.9,
  }),
  'qwen2.5-72b': toShape({
    name: 'Qwen2.5-72B',
    layers: 80,
    heads: 64,
    kvHeads: 8,
    activeParameters: 72.7e9,
    weightBytes: 145e9,
    weightsRead: 1,
  }),
  'qwen3-235b-a22b': toShape({
    name: 'Qwen3-235B-A22B',
    layers: 94,
    heads: 64,
    kvHeads: 4,
    activeParameters: 22e9,
    weightBytes: 470e9,
    weightsRead: 0.9,
  }),
} as const satisfies Record<string, ModelShape>;

/** What the hardware of one replica gives, after what is lost. */
export interface Hardware {
  readonly name: string;
  /** Operations a second in prefill. */
  readonly flopsPerSecond: number;
  /** Bytes a second that decoding reads. */
  readonly bytesPerSecond: number;
  /** KV cache of one replica. */
  readonly kvBytes: number;
  /** Calls that decode together at most. */
  readonly maxBatch: number;
}

const gib = 1_024 ** 3;

/**
 * One H200 with BF16 weights of Qwen3-30B-A3B: 400 TFLOP/s of its nominal ones, 70 % of 4.8 TB/s, 74 GiB left for KV.
 *
 * These are the model's figures, not measured ones: calibrate them before GPU-seconds are believed.
 */
export const h200: Hardware = {
  name: 'H200',
  flopsPerSecond: 400e12,
  bytesPerSecond: 0.7 * 4.8e12,
  kvBytes: 74 * gib,
  maxBatch: 64,
};
