import { variantSchema, type Variant } from '../../domain/agent/profile-settings.ts';
import { AppError } from '../../domain/errors.ts';
import { quoteArgument, toLaunchRecipe } from '../../domain/pool/recipes.ts';
import { checkpoints } from '../../domain/profiles/checkpoints.ts';
import { profilePresets } from '../../domain/profiles/presets.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';

/** The flags of `pool launch`. */
export interface LaunchOptions {
  /** Weights to load instead of the named ones. */
  readonly model?: string;
  readonly form?: string;
  readonly server?: string;
  readonly servedName?: string;
  readonly port: number;
  readonly json?: boolean;
}

function parseOne<T extends string>(flag: string, value: string | undefined, known: readonly T[]): T | null {
  if (value === undefined) return null;
  const found = known.find((each) => each === value);
  if (found !== undefined) return found;
  throw new AppError('Config.Invalid', { what: `${flag} ${value}: not known`, mend: `Known: ${known.join(', ')}.` });
}

function findCheckpoint(name: string): (typeof checkpoints)[number] {
  const profile = profilePresets.find((preset) => preset.name === name);
  if (profile === undefined) {
    const known = profilePresets.map((preset) => preset.name).join(', ');
    throw new AppError('Config.Invalid', { what: `there is no profile ${name}`, mend: `Known: ${known}.` });
  }
  const checkpoint = checkpoints.find((each) => each.name === profile.model);
  if (checkpoint !== undefined) return checkpoint;
  throw new AppError('Config.Invalid', {
    what: `profile ${name} is for any model, so there is no one way to serve it`,
    mend: 'Serve the model as its makers say, with the server’s own tool-call parser, since its calls are native.',
  });
}

/** Prints how the model of a profile is served, and how to check that it is served right. */
export function poolLaunch(terminal: Terminal, profile: string, options: LaunchOptions): number {
  const checkpoint = findCheckpoint(profile);
  const form = parseOne<Variant['form']>('--form', options.form, variantSchema.shape.form.options);
  const server = parseOne<Variant['server']>('--server', options.server, variantSchema.shape.server.options);
  const servedName = options.servedName ?? checkpoint.name;
  const weights = options.model ?? null;
  const recipe = toLaunchRecipe({ checkpoint, form, server, weights, servedName, port: options.port });
  const check = `longhaul pool check http://127.0.0.1:${options.port}/v1 --model ${quoteArgument(servedName)}`;
  if (options.json === true) {
    const { command, notes, variant } = recipe;
    terminal.print(
      JSON.stringify({ profile, checkpoint: checkpoint.name, server: recipe.server, command, notes, variant, check }),
    );
    return exitCodes.ok;
  }
  terminal.print(recipe.command.map(quoteArgument).join(' '));
  terminal.tell(`\n${recipe.notes.map((note) => `- ${note}`).join('\n')}\n\nThen: ${check}`);
  return exitCodes.ok;
}
