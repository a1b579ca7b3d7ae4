import { describe, expect, it } from 'vitest';
import { renderCall } from '../../../activities/steps/prompt.ts';
import { mcpXml } from '../../../domain/dialects/mcp-xml.ts';
import type { RunManifest } from '../../../domain/manifest.ts';
import { aManifest, anotherRunId, aProfile } from '../../support/facts.ts';
import { type RecordedTurn, recordRun } from '../../support/recorded-run.ts';
import { openMemoryStorage } from '../../support/store.ts';

const turns: RecordedTurn[] = [
  { reply: 'r0', observations: ['o0', 'o1'] },
  { reply: 'cut off', stop: 'length' },
  { reply: 'bad', stop: 'malformed' },
  { reply: 'r1', observations: ['o2'] },
];

interface Asked {
  readonly firstLive?: number;
  readonly purpose?: 'turn' | 'final';
  readonly said?: readonly RecordedTurn[];
}

async function render(manifest: RunManifest, { firstLive = 0, purpose = 'turn', said = turns }: Asked = {}) {
  const { trajectory, history } = openMemoryStorage();
  const { head, steps } = await recordRun(trajectory, manifest, said);
  const read = await history.read(manifest, steps, head);
  const call = await renderCall(history, { run: manifest, history: read, purpose, firstLive });
  return { ...call, steps: read.steps };
}

describe('a rendered call', () => {
  it('replies that were thrown away: have no place in the prompt', async () => {
    const { messages } = await render(aManifest());
    expect(messages.slice(2).map((message) => message.content)).toEqual(['r0', 'o0\no1', 'r1', 'o2']);
  });

  it('masked observations: a placeholder, and their texts are let go', async () => {
    const { messages, steps } = await render(aManifest(), { firstLive: 1 });
    expect(messages[3]?.content).toBe(mcpXml.omitted);
    expect(messages[5]?.content).toBe('o2');
    expect(steps.map((step) => step.text)).toEqual(['r0', null, null, 'cut off', 'bad', 'r1', 'o2']);
  });

  it.each([
    ['run', { runId: anotherRunId }],
    ['tenant', { tenant: 'other' }],
    ['day', { now: new Date('2027-05-05T00:00:00Z') }],
    ['metadata', { metadata: { a: 'b' } }],
  ])('another %s: the same request', async (_, change) => {
    expect((await render(aManifest(change))).requestDigest).toBe((await render(aManifest())).requestDigest);
  });

  it('another day: another prompt digest, since the model is told the day', async () => {
    const tomorrow = aManifest({ now: new Date('2027-05-05T00:00:00Z') });
    expect((await render(tomorrow)).promptDigest).not.toBe((await render(aManifest())).promptDigest);
  });

  it('another question, purpose, view, model or history: another request and another prompt', async () => {
    const calls = await Promise.all([
      render(aManifest()),
      render(aManifest({ question: 'Another?' })),
      render(aManifest(), { purpose: 'final' }),
      render(aManifest(), { firstLive: 1 }),
      render(aManifest(), { said: [...turns, { reply: 'r2', observations: ['o3'] }] }),
    ]);
    expect(new Set(calls.map((call) => call.requestDigest)).size).toBe(calls.length);
    expect(new Set(calls.map((call) => call.promptDigest)).size).toBe(calls.length);
    const base = aProfile();
    const other = await render(aManifest({ profile: { ...base, model: { ...base.model, name: 'another' } } }));
    expect(other.requestDigest).not.toBe(calls[0]?.requestDigest);
  });
});
