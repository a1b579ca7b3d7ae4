import type { ModelMind } from '../../../infra/dev/model-server/mind.ts';
import { startModelServer } from '../../../infra/dev/model-server/server.ts';
import { createRandom } from '../../support/random.ts';
import type { Campaign } from '../support/campaign.ts';
import { type FaultPlan, runFaultCampaign, type Scene } from './fault-campaign.ts';
import { createCampaignMind, steadyQuestion } from './workload.ts';

const turns = 9;

/** Cuts the first answer to each turn's request at the next offset, as long as there are any. */
function createCutter(offsets: readonly number[]) {
  let next = 0;
  let armed: Scene | null = null;
  const met = new Set<string>();
  return {
    spoil: (mind: ModelMind): ModelMind => ({
      modelName: mind.modelName,
      reply: (request) => {
        const reply = mind.reply(request);
        const key = `${request.session}/${request.position}`;
        const offset = offsets[next];
        if (armed === null || offset === undefined || request.position >= turns || met.has(key)) return reply;
        met.add(key);
        next += 1;
        armed.fire(`the answer ends after ${offset} bytes`);
        return { ...reply, fault: { kind: 'cut', afterBytes: offset } };
      },
    }),
    disturb: async (scene: Scene): Promise<void> => {
      armed = scene;
      while (await scene.progress(1));
      armed = null;
    },
  };
}

/** Bytes of the answer to a turn as it is streamed. */
async function measureStream(): Promise<number> {
  const mind = createCampaignMind({ turns, corpusHost: 'corpus.test', work: 'uniform', callMs: 0 });
  const server = await startModelServer({ mode: mind });
  try {
    const response = await fetch(`${server.url}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: mind.modelName,
        stream: true,
        stream_options: { include_usage: true },
        messages: [{ role: 'user', content: steadyQuestion }],
      }),
    });
    return (await response.bytes()).byteLength;
  } finally {
    await server.close();
  }
}

/** Every offset of a stream, or `count` of them: the first, the last, and others by chance. */
function chooseOffsets(bytes: number, count: number, seed: number): number[] {
  const all = Array.from({ length: bytes }, (_, offset) => offset);
  if (count >= bytes) return all;
  const random = createRandom(seed);
  const [first = 0, ...others] = all;
  const last = others.pop() ?? first;
  const chosen = [first, last];
  while (chosen.length < count) chosen.push(...others.splice(random.between(0, others.length - 1), 1));
  return chosen.slice(0, count);
}

const shortForm = 72;

/** The model's stream cut at every byte offset (`--full`), or at some of them. */
export const runModelCampaign: Campaign = async (context, options) => {
  const bytes = await measureStream();
  const points = Math.min(options.points ?? (options.full ? bytes : shortForm), bytes);
  const cutter = createCutter(chooseOffsets(bytes, points, options.seed));
  const plan: FaultPlan = {
    campaign: 'model',
    points: { short: points, full: points },
    arena: { store: { kind: 'directory' }, turns, work: 'uniform', spoil: cutter.spoil },
    steadyRuns: 8,
    withEffectful: false,
    extraCallsEach: 1,
    disturb: cutter.disturb,
  };
  const result = await runFaultCampaign(context, { ...options, points }, plan);
  return { ...result, streamBytes: bytes };
};
