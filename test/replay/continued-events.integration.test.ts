import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Worker } from '@temporalio/worker';
import { z } from 'zod';
import { decodeFirst } from '../../api/events/decode.ts';
import { toHistoryFacts, toNextExecution } from '../../api/events/to-history-facts.ts';
import { type Carry, carrySchema } from '../../domain/carry.ts';
import { projectEvents } from '../../domain/events.ts';
import { bundleWorkflows } from '../../workers/workflow-bundle.ts';
import { type House, openHouse, openSurroundings, type Submitted, type Surroundings } from '../support/house.ts';

/** Enough for one continue-as-new, with parallel, refused and failing calls on the way. */
const tools = [
  { server: 'test', tool: 'echo', arguments: { turn: '{seq}' } },
  { server: 'test', tool: 'fail', arguments: { status: 400 } },
  { server: 'test', tool: 'telescope', arguments: {} },
];

const inputSchema = z.looseObject({ carry: carrySchema.nullable() });

let surroundings: Surroundings;
let house: House;

beforeAll(async () => {
  surroundings = await openSurroundings({
    generate: 'loop',
    turns: 70,
    callsPerTurn: 2,
    tools,
    final: { text: '\\boxed{done}' },
  });
  const processes = [['orchestrator', 'model', 'tools']] as const;
  house = await openHouse({ temporalAddress: inject('temporalAddress'), surroundings, processes });
});

afterAll(async () => {
  await house.close();
  await surroundings.close();
});

/** The histories of all executions of a run, in order. */
async function readChain({ handle }: Submitted) {
  const description = await handle.describe();
  const chain = [];
  for (let runId = description.raw.workflowExecutionInfo?.firstRunId ?? null; runId !== null;) {
    const history = await house.client.workflow.getHandle(handle.workflowId, runId).fetchHistory();
    chain.push({ history, events: history.events ?? [] });
    runId = toNextExecution(history.events?.at(-1));
  }
  return chain;
}

/** The state with which an execution began; null for the first one. */
function readCarry(events: Awaited<ReturnType<typeof readChain>>[number]['events']): Carry | null {
  return inputSchema.parse(decodeFirst(events[0]?.workflowExecutionStartedEventAttributes?.input)).carry;
}

describe('a run that continues as new', () => {
  it('the workflow’s event count: equals the projection over what came before; each execution replays', async () => {
    const submitted = await house.submit('How many turns are there?');
    expect(await submitted.outcome()).toMatchObject({ outcome: 'answered', answer: 'done' });
    const chain = await readChain(submitted);
    expect(chain.length).toBeGreaterThanOrEqual(2);
    let number = 0;
    for (const [index, { events }] of chain.entries()) {
      const carry = readCarry(events);
      expect(carry?.nextEvent ?? 0).toBe(number);
      expect(carry === null).toBe(index === 0);
      const projection = projectEvents(toHistoryFacts(events), number);
      expect(projection.events.map((event) => event.seq)).toEqual(projection.events.map((_, place) => number + place));
      number = projection.nextNumber;
    }
    const carried = readCarry(chain[1]!.events);
    expect(carried?.nextEvent).toBeGreaterThan(200);
    expect(Buffer.byteLength(JSON.stringify(carried))).toBeLessThan(8 * 1_024);
    // The failing tool is asked once: 400 is its answer, not a fault.
    const asked = surroundings.tools.requests().filter((request) => request.tool === 'fail');
    expect(new Set(asked.map((request) => request.stepKey)).size).toBe(asked.length);

    const code = await bundleWorkflows();
    const histories = chain.map(({ history }) => ({ workflowId: submitted.handle.workflowId, history }));
    for await (const { error } of Worker.runReplayHistories({ workflowBundle: { code } }, histories)) {
      expect(error).toBeUndefined();
    }
  });
});
