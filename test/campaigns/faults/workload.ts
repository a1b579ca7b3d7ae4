import { demoCorpusFolder } from '../../../infra/dev/corpus/demo-question.ts';
import { loadPages } from '../../../infra/dev/corpus/pages.ts';
import { createScriptedMind } from '../../../infra/dev/model-server/scripted.ts';
import type { ModelMind } from '../../../infra/dev/model-server/mind.ts';
import type { ScenarioInput } from '../../../infra/dev/model-server/scenario.ts';
import { mirothinkerV1, type Profile } from '../../../domain/profile.ts';
import { join } from 'node:path';

/** The task whose trajectory must be the same whatever happens to it. */
export const steadyQuestion = 'What is left when everything that can be killed has been killed?';
/** The task whose tools do not deduplicate: a call that was cut off must not be made again. */
export const effectfulQuestion = 'How often does each call take effect in the world?';

/** Name of the agent of the campaigns. */
export const agentName = 'campaign';

/** Tools of the tool server by name, with their effect class. */
export const campaignTools = { echo: 'read', slow: 'read', keyed: 'keyed', unkeyed: 'unkeyed' } as const;

function tool(name: keyof typeof campaignTools, values: Readonly<Record<string, unknown>>) {
  return { server: 'campaign', tool: name, arguments: { ...values } };
}

/** Mostly the tools pool, which is the quickest; reading, search and the sandbox between. */
function steadyTools({ corpusHost, callMs }: Pick<MindOptions, 'corpusHost' | 'callMs'>) {
  const pages = loadPages(join(demoCorpusFolder, 'pages.jsonl'), corpusHost);
  const search = {
    server: 'search_and_scrape_webpage',
    tool: 'google_search',
    arguments: { q: 'lighthouse {seq}' },
  };
  const read = (index: number) => ({
    server: 'jina_scrape_llm_summary',
    tool: 'scrape_and_extract_info',
    arguments: { url: pages[index % pages.length]?.url ?? '', info_to_extract: 'what it is about' },
  });
  const create = { server: 'tool-python', tool: 'create_sandbox', arguments: {} };
  const command = {
    server: 'tool-python',
    tool: 'run_command',
    arguments: { command: 'echo {seq} >> log; wc -l < log', sandbox_id: '{sandbox}' },
  };
  const echo = tool('echo', { turn: '{seq}', note: 'a short observation' });
  const keyed = tool('keyed', { ms: callMs });
  const slow = tool('slow', { ms: callMs });
  const cycle = [echo, keyed, slow, search, keyed, read(0), echo, command, keyed, slow, read(1), keyed];
  return [create, ...cycle];
}

/** What the steady task calls: every kind of tool, or the same call again and again, so that all replies are equally long. */
export type Work = 'mixed' | 'uniform';

/** What the campaigns' mind is made of. */
export interface MindOptions {
  readonly turns: number;
  readonly corpusHost: string;
  readonly work: Work;
  /** How long model and tools take, in milliseconds: long enough for a fault to meet a call in flight. */
  readonly callMs: number;
}

/** A mind that plays each task its own scenario. */
export function createCampaignMind(options: MindOptions): ModelMind {
  const { turns, callMs, work } = options;
  const common = { generate: 'loop', delayMs: callMs, turns, final: { text: 'Done.\n\\boxed{done}' } } as const;
  const tools = work === 'mixed' ? steadyTools(options) : [tool('echo', { note: 'the same in every turn' })];
  const steady: ScenarioInput = { ...common, tools };
  const effectful: ScenarioInput = { ...common, tools: [tool('unkeyed', { ms: callMs })] };
  const minds = { steady: createScriptedMind(steady), effectful: createScriptedMind(effectful) };
  return {
    modelName: minds.steady.modelName,
    reply: (request) => {
      const isEffectful = request.messages.some(({ text }) => text.includes(effectfulQuestion));
      return (isEffectful ? minds.effectful : minds.steady).reply(request);
    },
  };
}

/** The agent: no limit in the way of the workload. */
export function campaignProfile(): Profile {
  const base = mirothinkerV1('longhaul-scripted');
  return {
    ...base,
    name: agentName,
    tools: [...base.tools, ...Object.keys(campaignTools)],
    limits: { ...base.limits, maxTurns: 10_000, maxToolCalls: 10_000 },
  };
}
