import { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { AIMessage, type BaseMessage, HumanMessage, ToolMessage } from '@langchain/core/messages';
import type { ChatResult } from '@langchain/core/outputs';
import { tool } from '@langchain/core/tools';
import { ClearToolUsesEdit, contextEditingMiddleware, createAgent } from 'langchain';
import { z } from 'zod';
import type { RunShape, TurnPrompt } from '../../domain/pool/cost-model.ts';

/** Characters of a token, by the estimate that the peer's edit uses by default. */
const charsPerToken = 4;

/** What the edit puts in place of a result by default. */
const placeholder = '[cleared]';

const toolName = 'search';

/** Plays the model: calls the tool at every turn, and remembers how many results of each prompt were cleared. */
class RecordingModel extends BaseChatModel {
  /** Results cleared in each prompt, in order. */
  readonly cleared: number[] = [];
  readonly #run: RunShape;

  constructor(run: RunShape) {
    super({});
    this.#run = run;
  }

  _llmType(): string {
    return 'recording';
  }

  override bindTools(): this {
    return this;
  }

  async _generate(messages: BaseMessage[]): Promise<ChatResult> {
    this.cleared.push(
      messages.filter((message) => ToolMessage.isInstance(message) && message.content === placeholder).length,
    );
    const turn = this.cleared.length;
    const calls = turn < this.#run.turns ? [{ id: `call_${turn}`, name: toolName, args: {} }] : [];
    const chars = this.#run.replyTokens * charsPerToken - JSON.stringify(calls).length;
    const message = new AIMessage({ content: 'x'.repeat(Math.max(0, chars)), tool_calls: calls });
    return { generations: [{ text: '', message }] };
  }
}

/** Turns a count of cleared results a prompt into prompts as a cache meets them. */
export function toPrompts(run: RunShape, clearedByTurn: readonly number[]): TurnPrompt[] {
  const placeholderTokens = Math.ceil(placeholder.length / charsPerToken);
  const tokensOf = (observations: number, cleared: number): number =>
    run.systemTokens +
    observations * run.replyTokens +
    cleared * placeholderTokens +
    (observations - cleared) * run.observationTokens;
  return clearedByTurn.map((cleared, index) => {
    const before = clearedByTurn[index - 1] ?? 0;
    const promptTokens = tokensOf(index, cleared);
    // Before the first result that was cleared now stand its own turn's reply and everything older.
    const beforeFirstCleared = tokensOf(before, before) + run.replyTokens;
    const grown = index === 0 ? 0 : promptTokens - run.observationTokens;
    const sharedTokens = cleared > before ? beforeFirstCleared : grown;
    return { turn: index + 1, promptTokens, sharedTokens, firstLive: cleared };
  });
}

/**
 * The prompts of a run of langchain's own agent with its `ClearToolUsesEdit` and that edit's defaults: at 100,000 tokens all results but
 * the last three are cleared. The agent, its middleware and its state are the real ones; model and tool are played.
 */
export async function peerPrompts(run: RunShape): Promise<TurnPrompt[]> {
  const model = new RecordingModel(run);
  const result = 'y'.repeat(run.observationTokens * charsPerToken);
  const search = tool(() => result, { name: toolName, description: 'Searches.', schema: z.object({}) });
  const agent = createAgent({
    model,
    tools: [search],
    middleware: [contextEditingMiddleware({ edits: [new ClearToolUsesEdit()] })],
  });
  const question = new HumanMessage('z'.repeat(run.systemTokens * charsPerToken));
  await agent.invoke({ messages: [question] }, { recursionLimit: 10 * run.turns });
  return toPrompts(run, model.cleared);
}
