import { readFile } from 'node:fs/promises';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import type { temporal } from '@temporalio/proto';
import { Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { toHistoryFacts } from '../../api/events/to-history-facts.ts';
import { isEligible, projectEvents, terminalEventTypes } from '../../domain/events.ts';
import { bundleWorkflows } from '../../workers/workflow-bundle.ts';

const file = new URL('history.json', import.meta.url);

type History = temporal.api.history.v1.IHistory;

let text: string;
let code: string;
let history: History;

beforeAll(async () => {
  text = await readFile(file, 'utf8');
  code = await bundleWorkflows();
  history = historyFromJSON(JSON.parse(text));
});

/** What a replay of `replayed` against today's workflows ends with; null when it fits. */
async function replay(replayed: History): Promise<Error | null> {
  const histories = [{ workflowId: 'research/default/kept', history: replayed }];
  for await (const result of Worker.runReplayHistories({ workflowBundle: { code } }, histories))
    return result.error ?? null;
  throw new Error('nothing was replayed');
}

const namesOf = ({ events }: History) =>
  (events ?? []).flatMap((event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? []);

describe('the kept history', () => {
  it('a run of fourteen turns with parallel, refused and failing calls, free of machines and paths', () => {
    const names = namesOf(history);
    expect(names.filter((name) => name === 'callModel')).toHaveLength(15);
    expect(names.filter((name) => name === 'closeStep')).toHaveLength(1);
    expect(names.filter((name) => name === 'callTool').length).toBeGreaterThan(12);
    expect([names[0], names.at(-1)]).toEqual(['openRun', 'finishRun']);
    const payloads = [...text.matchAll(/"data":"([A-Za-z0-9+/=]+)"/gu)].map(([, data]) =>
      Buffer.from(data!, 'base64').toString(),
    );
    expect(payloads.length).toBeGreaterThan(50);
    const decoded = payloads.join('\n');
    expect(decoded).toContain('Tool call to fail on test failed');
    expect(decoded).toContain('Tool call to telescope on test failed. Error: unknown tool');
    for (const held of [text, decoded]) expect(held).not.toMatch(/"identity"|@|\/(?:root|home|work|tmp|var|usr)\//u);
  });

  it('replayed from JSON against today’s workflows: fits', async () => {
    expect(await replay(history)).toBeNull();
  });

  it('with a step swapped for another: does not fit, so that a replay shows something', async () => {
    const changed: History = historyFromJSON(JSON.parse(text));
    const scheduled = changed.events?.find(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'callTool',
    );
    scheduled!.activityTaskScheduledEventAttributes!.activityType!.name = 'callModel';
    expect((await replay(changed))?.message).toMatch(/nondeterminism/iu);
  });

  it('its events: one for each eligible event, dense, one terminal at the end', () => {
    const facts = toHistoryFacts(history.events ?? []);
    const { events, nextNumber } = projectEvents(facts, 0);
    expect(events).toHaveLength(facts.filter(isEligible).length);
    expect(nextNumber).toBe(2 * namesOf(history).length + 2);
    expect(events.filter((event) => terminalEventTypes.has(event.type))).toEqual([events.at(-1)]);
    expect(events.at(-1)).toMatchObject({ type: 'run.completed', data: { outcome: 'answered' } });
  });
});
