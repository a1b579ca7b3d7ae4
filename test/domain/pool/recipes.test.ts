import { describe, expect, it } from 'vitest';
import type { Variant } from '../../../domain/agent/profile-settings.ts';
import { type LaunchRequest, quoteArgument, toLaunchRecipe } from '../../../domain/pool/recipes.ts';
import { checkpoints } from '../../../domain/profiles/checkpoints.ts';

const checkpointOf = (name: string) => {
  const found = checkpoints.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no checkpoint ${name}`);
  return found;
};
const request = (name: string, change: Partial<LaunchRequest> = {}): LaunchRequest => ({
  checkpoint: checkpointOf(name),
  form: null,
  server: null,
  weights: null,
  servedName: 'm',
  port: 8_000,
  ...change,
});
const forms = checkpoints.flatMap((checkpoint) =>
  checkpoint.variants.map((variant): [string, Variant['form'], Variant] => [checkpoint.name, variant.form, variant]),
);

describe('how a checkpoint is launched', () => {
  it.each(forms)('%s as %s: a whole command, the window told once, no parser', (name, form, variant) => {
    const recipe = toLaunchRecipe(
      request(name, { form, server: variant.server, weights: variant.checkpoint ?? './weights' }),
    );
    const { command } = recipe;
    expect(command).toContain(variant.checkpoint ?? './weights');
    expect(command.join(' ')).not.toMatch(/reasoning-parser|tool-call-parser|tool-parser|enable-auto-tool-choice/u);
    const windows = command.filter((each) => ['--max-model-len', '--context-length', '--ctx-size'].includes(each));
    expect(windows).toHaveLength(variant.server === 'mlx' ? 0 : 1);
    expect(command).toContain('8000');
    expect(recipe.notes[0]).toContain(variant.status);
  });

  it('the makers’ own form by default, with another server where that is asked for', () => {
    expect(toLaunchRecipe(request('MiroThinker-v1.5-30B'))).toMatchObject({
      server: 'sglang',
      variant: { form: 'bf16' },
    });
    const { command, notes } = toLaunchRecipe(request('MiroThinker-v1.5-30B', { server: 'vllm' }));
    expect(command.slice(0, 3)).toEqual(['vllm', 'serve', 'miromind-ai/MiroThinker-v1.5-30B']);
    expect(command).toContain('--enable-prefix-caching');
    expect(command).toContain('--enable-prompt-tokens-details');
    expect(notes.join(' ')).toContain('are ours');
  });

  it('a base with a smaller window: the rope scaling to check, in the words of the server', () => {
    const notesOf = (server: Variant['server']) =>
      toLaunchRecipe(request('MiroThinker-v1.0-72B', { server })).notes.join(' ');
    expect(notesOf('vllm')).toContain('--hf-overrides');
    expect(notesOf('vllm')).toContain('"factor":8');
    expect(notesOf('sglang')).toContain('--json-model-override-args');
    expect(toLaunchRecipe(request('MiroThinker-v1.5-30B')).notes.join(' ')).not.toContain('rope');
  });

  it.each([
    ['weights that nobody is known to publish', { form: 'awq-8bit' }, '--model'],
    ['a form that does not exist for it', { form: 'int4-autoround' }, 'Known forms: bf16'],
    ['a server that no flags are known for', { form: 'awq-4bit', server: 'sglang', weights: 'x' }, 'known for vllm'],
    ['full precision with llama.cpp', { server: 'llama.cpp' }, 'known for sglang'],
  ] as const)('%s: refused, with what is known', (_, change, message) => {
    expect(() => toLaunchRecipe(request('MiroThinker-v1.0-8B', change))).toThrow(message);
  });

  it('arguments: quoted where a shell would take them apart', () => {
    expect(['--tp', 'a b', '{"x":1}', "it's"].map(quoteArgument)).toEqual(['--tp', "'a b'", `'{"x":1}'`, `'it'\\''s'`]);
  });
});
