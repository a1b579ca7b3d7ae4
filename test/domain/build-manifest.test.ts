import { describe, expect, it } from 'vitest';
import { digestManifest, runManifestSchema } from '../../domain/manifest.ts';
import { profileSchema } from '../../domain/profile.ts';
import { builtInTools } from '../../domain/tool-catalog.ts';
import { aManifest, anotherRunId, aProfile, echoTool, someLimits } from '../support/facts.ts';

describe('a manifest', () => {
  it('built: of its schema, through JSON too, with the same digest', () => {
    const manifest = aManifest({ metadata: { team: 'a' } });
    const read = runManifestSchema.parse(JSON.parse(JSON.stringify(manifest)));
    expect(read).toEqual(manifest);
    expect(digestManifest(read)).toBe(digestManifest(manifest));
    expect(profileSchema.safeParse(manifest.profile).success).toBe(true);
  });

  it.each([
    ['UTC', '2026-03-01T23:30:00.000Z', '2026-03-01'],
    ['Europe/Berlin', '2026-03-01T23:30:00.000Z', '2026-03-02'],
    ['America/Los_Angeles', '2026-03-01T07:30:00.000Z', '2026-02-28'],
    ['Pacific/Kiritimati', '2026-12-31T10:00:00.000Z', '2027-01-01'],
  ])('in %s at %s: the day that the model is told is %s', (timeZone, now, day) => {
    const manifest = aManifest({ timeZone, now: new Date(now) });
    expect(manifest.date).toBe(day);
    expect(manifest.systemPrompt).toContain(`Today is: ${day}`);
  });

  it.each([
    ['day', { now: new Date('2027-01-01T00:00:00Z') }],
    ['run id', { runId: anotherRunId }],
    ['tenant', { tenant: 'other' }],
    ['metadata', { metadata: { a: 'b' } }],
    [
      'prices',
      {
        profile: aProfile({
          prices: { inputMicroUsdPerMillion: 1, cachedMicroUsdPerMillion: 1, outputMicroUsdPerMillion: 1 },
        }),
      },
    ],
    ['stand-in', { standIn: true }],
    ['budget', { limits: someLimits({ maxTurns: 3 }) }],
    ['limit of the profile', { profile: aProfile({ limits: someLimits({ maxTurns: 3 }) }) }],
  ])('another %s: the same task, another manifest', (_, change) => {
    expect(aManifest(change).taskDigest).toBe(aManifest().taskDigest);
    expect(digestManifest(aManifest(change))).not.toBe(digestManifest(aManifest()));
  });

  it.each([
    ['question', { question: 'Another?' }],
    ['retention', { profile: aProfile({ retention: { keep: 1 } }) }],
    ['tool list', { profile: aProfile({ tools: ['echo'] }) }],
    ['tool description', { tools: [...builtInTools(), { ...echoTool, description: 'Another.' }] }],
  ])('another %s: another task', (_, change) => {
    expect(aManifest(change).taskDigest).not.toBe(aManifest().taskDigest);
  });

  it('tools of the profile: in its order, no others', () => {
    const manifest = aManifest({ profile: aProfile({ tools: ['echo', 'google_search'] }) });
    expect(manifest.tools.map((tool) => tool.name)).toEqual(['echo', 'google_search']);
  });

  it('a tool that does not exist: refused, naming it, the profile, the field and the known ones', () => {
    expect(() => aManifest({ profile: aProfile({ tools: ['telescope'] }) })).toThrow(
      expect.objectContaining({
        type: 'Input.Invalid',
        facts: expect.objectContaining({ field: '/profile/tools' }),
        message: expect.stringMatching(/mirothinker-v1\.0.*"telescope".*Known tools: google_search,.*echo/u),
      }),
    );
  });

  it.each([
    ['an unknown member', { more: 1 }],
    ['no question', { question: '' }],
    ['another schema version', { schemaVersion: 2 }],
    ['a path as run id', { runId: '../x' }],
  ])('%s: not of the schema', (_, change) => {
    expect(runManifestSchema.safeParse({ ...aManifest(), ...change }).success).toBe(false);
  });
});

describe('the built-in tools', () => {
  it('each: named once, described, with a schema of an object', () => {
    const tools = builtInTools();
    expect(tools.length).toBe(8);
    expect(new Set(tools.map((tool) => tool.name)).size).toBe(tools.length);
    for (const tool of tools) {
      expect(tool.inputSchema).toMatchObject({ type: 'object' });
      expect(tool.inputSchema).not.toHaveProperty('$schema');
      expect(tool.description.length).toBeGreaterThan(20);
    }
  });
});
