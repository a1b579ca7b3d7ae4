import type { OpenAI } from 'openai';
import { buildManifest } from '../../domain/build-manifest.ts';
import { dialectOf } from '../../domain/dialects/for-profile.ts';
import { firstLiveObservation } from '../../domain/retention.ts';
import { createScriptedMind } from '../../infra/dev/model-server/scripted.ts';
import { text, w600 } from '../../infra/dev/model-server/w600.ts';
import { loadCatalog } from '../../workers/compose/catalog.ts';
import { benchProfile, benchQuestion } from '../support/profile.ts';

type Body = OpenAI.Chat.Completions.ChatCompletionCreateParamsStreaming;
type Messages = Body['messages'];

/** The requests of a whole run, from texts that were made before the first one is timed. */
export interface Conversation {
  /** The request of a turn, byte for byte what a run of ours sends. */
  readonly bodyOf: (step: { readonly turn: number; readonly final: boolean }) => Body;
}

/** Makes the texts of a run of `turns` turns. */
export function createConversation(options: { readonly turns: number; readonly toolsFile: string }): Conversation {
  const profile = benchProfile({ tools: ['bench'] });
  const dialect = dialectOf(profile);
  const { tools } = loadCatalog({ ...options, profilesFile: null, model: profile.model.name, readerModel: null });
  const task = { question: benchQuestion, profile, tools, now: new Date(), timeZone: 'UTC' };
  const manifest = buildManifest({ ...task, tenant: 'default', runId: '0'.repeat(26), standIn: true, metadata: {} });
  const mind = createScriptedMind({ generate: 'w600', turns: options.turns });
  const opening: Messages = [
    { role: 'system', content: manifest.systemPrompt },
    { role: 'user', content: dialect.taskMessage(benchQuestion) },
  ];
  const replies = Array.from({ length: options.turns + 1 }, (_, position) => {
    return mind.reply({ model: '', messages: [], position, session: null }).text;
  });
  const observations = Array.from({ length: options.turns }, (_, turn) =>
    dialect.joinObservations([text(w600.toolSeed + turn, w600.toolBytes)]),
  );
  const final = dialect.finalPrompt(benchQuestion);
  return {
    bodyOf: (step) => {
      const seen = Math.min(step.turn, options.turns);
      const firstLive = firstLiveObservation(seen, profile.retention.keep, step.final ? 1 : 0);
      const messages: Messages = [...opening];
      for (let turn = 0; turn < step.turn; turn += 1) {
        messages.push({ role: 'assistant', content: replies[turn] ?? '' });
        if (turn >= seen) continue;
        messages.push({ role: 'user', content: turn < firstLive ? dialect.omitted : (observations[turn] ?? '') });
      }
      if (step.final) messages.push({ role: 'user', content: final });
      return toBody(profile.model, messages);
    },
  };
}

function toBody({ name, maxTokens, sampling }: ReturnType<typeof benchProfile>['model'], messages: Messages): Body {
  // A field of vLLM and SGLang, unknown to OpenAI's type.
  const extra = { repetition_penalty: sampling.repetitionPenalty };
  return {
    model: name,
    messages,
    temperature: sampling.temperature,
    top_p: sampling.topP,
    // The name that the request of ours has.
    // oxlint-disable-next-line typescript/no-deprecated
    max_tokens: maxTokens,
    ...extra,
    stream: true,
    stream_options: { include_usage: true },
  };
}
