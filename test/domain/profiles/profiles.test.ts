import { describe, expect, it } from 'vitest';
import { attemptSettingsSchema } from '../../../domain/agent/attempt/settings.ts';
import { agentProfileSchema, checkpointSchema, toAttemptSettings } from '../../../domain/agent/profile-settings.ts';
import { laterRules, paperRules } from '../../../domain/agent/rules.ts';
import { checkpoints } from '../../../domain/profiles/checkpoints.ts';
import { profilePresets } from '../../../domain/profiles/presets.ts';

const preset = (name: string) => profilePresets.find((profile) => profile.name === name);

describe('feature 31, presets', () => {
  it.each(profilePresets)('$name: valid, and its attempt has settings', (profile) => {
    expect(agentProfileSchema.parse(profile)).toEqual(profile);
    expect(attemptSettingsSchema.parse(toAttemptSettings(profile, 300)).summaryTokens).toBe(300);
  });

  it('names: each once', () => {
    const names = profilePresets.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each([
    ['mirothinker-v1.0-8b', 'v1.0', 600, 0, false, 8],
    ['mirothinker-v1.0-30b', 'v1.0', 600, 0, false, 8],
    ['mirothinker-v1.0-72b', 'v1.0', 600, 0, false, 8],
    ['mirothinker-v1.5-30b', 'v1.7', 200, 5, true, 7],
    ['mirothinker-v1.5-30b-long', 'v1.7', 400, 5, true, 7],
    ['mirothinker-v1.5-235b', 'v1.7', 200, 5, true, 7],
    ['mirothinker-v1.5-235b-long', 'v1.7', 400, 5, true, 7],
    ['mirothinker-1.7', 'v1.7', 200, 5, false, 7],
    ['mirothinker-1.7-long', 'v1.7', 300, 5, false, 7],
    ['mirothinker-1.7-mini', 'v1.7', 200, 5, false, 7],
    ['mirothinker-1.7-mini-long', 'v1.7', 300, 5, false, 7],
  ])('%s: as in the original', (...[name, decides, maxTurns, restarts, retryWithSummary, tools]) => {
    const profile = preset(name);
    expect(profile).toMatchObject({
      decides,
      maxTurns,
      restarts,
      retryWithSummary,
      keep: 5,
      batch: 0,
      windowTokens: 262_144,
    });
    expect(profile).toMatchObject({
      sampling: { temperature: 1, topP: 0.95, repetitionPenalty: 1.05 },
      maxTokens: 16_384,
    });
    expect(profile?.tools).toHaveLength(tools);
    expect(profile && toAttemptSettings(profile, 0).rules).toBe(decides === 'v1.0' ? paperRules : laterRules);
  });

  it('openai-tools: counts by the server, shows less on overflow, and has every guard on', () => {
    expect(preset('openai-tools')).toMatchObject({
      model: null,
      dialect: 'native-tools',
      contextCount: 'served',
      overflow: 'shrink',
      stopsWithoutProgress: true,
    });
  });
});

describe('feature 56, checkpoints', () => {
  it.each(checkpoints)('$name: valid, with its official weights and every other form', (checkpoint) => {
    expect(checkpointSchema.parse(checkpoint)).toEqual(checkpoint);
    const forms = checkpoint.variants.map(({ form }) => form);
    expect(forms).toEqual(expect.arrayContaining(['bf16', 'fp8', 'awq-4bit', 'awq-8bit', 'gguf']));
    expect(checkpoint.variants[0]).toMatchObject({ status: 'official', checkpoint: `miromind-ai/${checkpoint.name}` });
  });

  it('every model of a preset: is among them', () => {
    const known = checkpoints.map(({ name }) => name);
    const models = profilePresets.map(({ model }) => model).filter((model) => model !== null);
    expect(models.filter((model) => !known.includes(model))).toEqual([]);
  });

  it('no flag takes text out of the reply', () => {
    const flags = checkpoints.flatMap(({ variants }) => variants.flatMap((variant) => variant.flags));
    expect(flags.filter((flag) => /reasoning-parser|tool-call-parser|auto-tool-choice/.test(flag))).toEqual([]);
  });

  it('nothing unconfirmed: is given a name', () => {
    const named = checkpoints.flatMap(({ variants }) => variants.filter((variant) => variant.checkpoint !== null));
    expect(named.filter(({ status }) => status === 'unconfirmed')).toEqual([]);
  });
});
