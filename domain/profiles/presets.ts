import type { AgentProfile } from '../agent/profile-settings.ts';

/** The tools of the paper in prompt order: three servers. Source: MiroThinker protocol §6. */
const paperTools = [
  'google_search',
  'scrape_and_extract_info',
  'create_sandbox',
  'run_command',
  'run_python_code',
  'upload_file_from_local_to_sandbox',
  'download_file_from_sandbox_to_local',
  'download_file_from_internet_to_sandbox',
];

/** The tools that the later line shows. */
const laterTools = paperTools.filter((tool) => tool !== 'download_file_from_sandbox_to_local');

/** What all MiroThinker presets share. Source: `conf/llm/qwen-3` of MiroThinker. */
const mirothinker = {
  dialect: 'mcp-xml',
  keep: 5,
  batch: 0,
  windowTokens: 262_144,
  maxTokens: 16_384,
  contextCount: 'o200k',
  overflow: 'finish',
  thoughtCompaction: false,
  stopsWithoutProgress: false,
  stopsOnInvalidOutput: false,
  stopsOnDegenerateOutput: false,
  sampling: { temperature: 1, topP: 0.95, repetitionPenalty: 1.05 },
} as const satisfies Partial<AgentProfile>;

/** The paper's agent: one attempt of up to 600 turns. */
function paperProfile(size: '8b' | '30b' | '72b'): AgentProfile {
  return {
    ...mirothinker,
    name: `mirothinker-v1.0-${size}`,
    description: `MiroThinker v1.0 ${size.toUpperCase()}, as in its paper: one attempt of up to 600 turns`,
    model: `MiroThinker-v1.0-${size.toUpperCase()}`,
    decides: 'v1.0',
    maxTurns: 600,
    restarts: 0,
    retryWithSummary: false,
    tools: [...paperTools],
    source: 'arXiv 2511.11793; preset single_agent_keep5 of MiroThinker f745722',
  };
}

/** A preset of the later line, by what differs. */
function laterProfile(
  given: Pick<AgentProfile, 'name' | 'description' | 'model' | 'maxTurns' | 'retryWithSummary' | 'source'>,
): AgentProfile {
  return { ...mirothinker, ...given, decides: 'v1.7', restarts: 5, tools: [...laterTools] };
}

/** v1.5: up to six attempts, each told why the ones before it found nothing; `-long` is for BrowseComp and its kind. */
function summaryProfiles(size: '30b' | '235b'): AgentProfile[] {
  return [200, 400].map((maxTurns) =>
    laterProfile({
      name: `mirothinker-v1.5-${size}${maxTurns > 200 ? '-long' : ''}`,
      description: `MiroThinker v1.5 ${size.toUpperCase()}: up to six attempts of ${maxTurns} turns, each told why the others failed`,
      model: `MiroThinker-v1.5-${size.toUpperCase()}`,
      maxTurns,
      retryWithSummary: true,
      source: `preset mirothinker_v1.5_keep5_max${maxTurns} of MiroThinker 370f983`,
    }),
  );
}

/** 1.7: up to six attempts, each from nothing; `-long` is for BrowseComp and its kind. */
function discardProfiles(size: '' | '-mini'): AgentProfile[] {
  return [200, 300].map((maxTurns) =>
    laterProfile({
      name: `mirothinker-1.7${size}${maxTurns > 200 ? '-long' : ''}`,
      description: `MiroThinker 1.7${size}: up to six attempts of ${maxTurns} turns, each from nothing`,
      model: `MiroThinker-1.7${size}`,
      maxTurns,
      retryWithSummary: false,
      source: `preset mirothinker_1.7_keep5_max${maxTurns} of MiroThinker 370f983`,
    }),
  );
}

/** Any model with native function calling, by the later rules, with every guard on. */
const openaiTools: AgentProfile = {
  ...mirothinker,
  name: 'openai-tools',
  description: 'any model with native function calling',
  model: null,
  dialect: 'native-tools',
  decides: 'v1.7',
  maxTurns: 200,
  windowTokens: 131_072,
  restarts: 0,
  retryWithSummary: false,
  contextCount: 'served',
  overflow: 'shrink',
  stopsWithoutProgress: true,
  stopsOnInvalidOutput: true,
  stopsOnDegenerateOutput: true,
  sampling: { temperature: 1, topP: 1, repetitionPenalty: 1 },
  tools: [...laterTools],
  source: 'our own; turns and retention as in the later presets',
};

/** Every preset, by the order in which they are listed. */
export const profilePresets: readonly AgentProfile[] = [
  paperProfile('8b'),
  paperProfile('30b'),
  paperProfile('72b'),
  ...summaryProfiles('30b'),
  ...summaryProfiles('235b'),
  ...discardProfiles('-mini'),
  ...discardProfiles(''),
  openaiTools,
];
