import type { Checkpoint, Variant } from '../agent/profile-settings.ts';
import { AppError } from '../errors.ts';

/** What a launch is asked for. */
export interface LaunchRequest {
  readonly checkpoint: Checkpoint;
  /** Form of the weights; null: the first one that is known. */
  readonly form: Variant['form'] | null;
  /** Server; null: the one that the form's flags are known for. */
  readonly server: Variant['server'] | null;
  /** Weights to load instead of the named ones: a folder, a file or another name. */
  readonly weights: string | null;
  /** Name under which requests ask for the model. */
  readonly servedName: string;
  readonly port: number;
}

/** How a server is started, and what has to be known about it. */
export interface LaunchRecipe {
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly variant: Variant;
  readonly server: Variant['server'];
  /** What to look at before and after the start. */
  readonly notes: readonly string[];
}

/** How a family's server is told the weights, the name, the address, and what the pool wants of it. */
interface ServerForm {
  readonly start: (request: { weights: string; servedName: string; port: string }) => readonly (readonly string[])[];
  /** Flags by form that are known for this server when the checkpoint names another one. */
  readonly flags: Partial<Record<Variant['form'], readonly string[]>>;
}

/**
 * Starts of the servers. None has a reasoning parser or a tool-call parser: both move text out of the reply, where the agent reads it.
 *
 * *Source:* command lines of vLLM, SGLang, llama.cpp and mlx-lm; MiroThinker protocol §8.2.
 */
const servers: Readonly<Record<Variant['server'], ServerForm>> = {
  vllm: {
    start: ({ weights, servedName, port }) => [
      ['vllm', 'serve', weights, '--served-model-name', servedName, '--port', port],
      // Without it `usage` does not say what the cache served.
      ['--enable-prompt-tokens-details'],
    ],
    flags: {
      bf16: ['--enable-prefix-caching', '--trust-remote-code'],
      fp8: ['--quantization', 'fp8', '--enable-prefix-caching', '--trust-remote-code'],
    },
  },
  sglang: {
    start: ({ weights, servedName, port }) => [
      ['python3', '-m', 'sglang.launch_server', '--model-path', weights, '--served-model-name', servedName],
      ['--host', '0.0.0.0', '--port', port, '--enable-metrics', '--enable-cache-report'],
    ],
    flags: {
      bf16: ['--trust-remote-code'],
      fp8: ['--quantization', 'fp8', '--trust-remote-code'],
    },
  },
  'llama.cpp': {
    start: ({ weights, servedName, port }) => [
      ['llama-server', '-m', weights, '--alias', servedName, '--host', '0.0.0.0', '--port', port, '--metrics'],
    ],
    flags: {},
  },
  mlx: {
    start: ({ weights, port }) => [['mlx_lm.server', '--model', weights, '--host', '0.0.0.0', '--port', port]],
    flags: {},
  },
};

/** The flag by which a server is told the window, where the recipe's own flags do not. */
const windowFlag: Readonly<Record<Variant['server'], string | null>> = {
  vllm: '--max-model-len',
  sglang: '--context-length',
  'llama.cpp': '--ctx-size',
  mlx: null,
};

function chooseVariant({ checkpoint, form, server }: LaunchRequest): Variant {
  const asked = form ?? checkpoint.variants[0]?.form;
  const ofForm = checkpoint.variants.filter((variant) => variant.form === asked);
  const variant = ofForm.find((each) => server === null || each.server === server) ?? ofForm[0];
  if (variant !== undefined) return variant;
  const known = [...new Set(checkpoint.variants.map((each) => each.form))].join(', ');
  throw new AppError('Config.Invalid', {
    what: `${checkpoint.name} is not known in the form ${form ?? ''}`,
    mend: `Known forms: ${known}.`,
  });
}

function chooseFlags({ checkpoint, server }: LaunchRequest, variant: Variant): readonly string[] {
  if (server === null || server === variant.server) return variant.flags;
  const flags = servers[server].flags[variant.form];
  if (flags !== undefined) return flags;
  throw new AppError('Config.Invalid', {
    what: `no way is known to serve ${checkpoint.name} in the form ${variant.form} with ${server}`,
    mend: `Its flags are known for ${variant.server}.`,
  });
}

function toWeights({ checkpoint, weights }: LaunchRequest, variant: Variant): string {
  const chosen = weights ?? variant.checkpoint;
  if (chosen !== null) return chosen;
  const publishers = variant.publishers.length === 0 ? '' : ` Published by: ${variant.publishers.join(', ')}.`;
  throw new AppError('Config.Invalid', {
    what: `no ${variant.form} weights of ${checkpoint.name} are confirmed`,
    mend: `Name yours with --model.${publishers}`,
  });
}

function toRopeNote({ checkpoint }: LaunchRequest, server: Variant['server']): string[] {
  const { baseWindowTokens, windowTokens, base } = checkpoint;
  if (baseWindowTokens >= windowTokens) return [];
  const factor = windowTokens / baseWindowTokens;
  const scaling = JSON.stringify({
    rope_scaling: { rope_type: 'yarn', factor, original_max_position_embeddings: baseWindowTokens },
  });
  const flag = server === 'sglang' ? '--json-model-override-args' : '--hf-overrides';
  return [
    `Its base ${base} has a window of ${baseWindowTokens}: read max_position_embeddings and rope_scaling in the checkpoint's config.json first. If they stop short of ${windowTokens}, add ${flag} '${scaling}', and measure: the makers publish no such flag.`,
  ];
}

function toNotes(request: LaunchRequest, variant: Variant, server: Variant['server']): string[] {
  const { status, form, source, publishers } = variant;
  const { weightsGb } = request.checkpoint;
  const by = publishers.length === 0 ? '' : ` by ${publishers.join(', ')}`;
  const scores = 'no score is published for this form: measure before calling it equal';
  return [
    `${form}: ${status}${by} (${source})${form === 'bf16' ? '' : `; ${scores}`}.`,
    `BF16 weights take ${weightsGb} GB: set the parallelism to what fits beside the KV cache on your cards.`,
    ...(server === variant.server ? [] : [`The flags for ${server} are ours; its makers’ are for ${variant.server}.`]),
    'No reasoning parser and no tool-call parser: both take text out of the reply.',
    'The chat template must keep every past <think> block; stock Qwen3 drops all but the last.',
    ...(server === 'llama.cpp'
      ? ['A template that masks observations itself (as one fork’s does) must not be used: masking is ours.']
      : []),
    ...toRopeNote(request, server),
  ];
}

/** Quotes an argument for a POSIX shell, where it needs that. */
export function quoteArgument(argument: string): string {
  return /^[\w@%+=:,./-]+$/u.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

/**
 * How a checkpoint is served for this agent.
 *
 * @throws AppError `Config.Invalid` when the form, the server or the weights are not known
 */
export function toLaunchRecipe(request: LaunchRequest): LaunchRecipe {
  const variant = chooseVariant(request);
  const server = request.server ?? variant.server;
  const flags = chooseFlags(request, variant);
  const { servedName, checkpoint } = request;
  const window = String(checkpoint.windowTokens);
  const option = windowFlag[server];
  const start = servers[server].start({
    weights: toWeights(request, variant),
    servedName,
    port: String(request.port),
  });
  const told = option === null || flags.includes(option) ? [] : [option, window];
  return { command: [...start.flat(), ...told, ...flags], variant, server, notes: toNotes(request, variant, server) };
}
