import { type ChatRequest, isFinalRequest, isReaderRequest, lastText } from '../chat-request.ts';
import { type ModelMind, plainReply, renderMcpCall } from '../mind.ts';
import { type Answer, answerFrom } from './answer.ts';
import { gather } from './evidence.ts';
import { openNotebook, renderNews } from './notebook.ts';
import { nextStep } from './plan.ts';
import { analyse } from './question.ts';
import { read } from './reader.ts';

/** Stands before everything that the stand-in says. */
export const standInLabel = '[longhaul-stand-in: a rule-based stand-in, not a language model]';

function research(request: ChatRequest): string {
  const book = openNotebook(request.messages, true);
  const earlier = openNotebook(request.messages, false);
  const question = analyse(book.task);
  const step = nextStep(book, question);
  const lines = [standInLabel, ...renderNews(book, earlier)];
  if (step === null) return [...lines, 'Next: nothing more to look up; I am ready to answer.'].join('\n');
  return [...lines, `Next: ${step.why}`, '', renderMcpCall(step.call)].join('\n');
}

function explain(answer: Answer, checked: string | null): string[] {
  const quotes = answer.because.map((fact) => `- ${fact.title} <${fact.url}>: "${fact.sentence}"`);
  const numbers = answer.numbers.map(({ label, value }) => `${label} ${value}`).join(', ');
  const program = checked === null ? [] : [`A small program over ${numbers} gave: ${checked}.`];
  return ['This rests on:', ...quotes, ...program];
}

function conclude(request: ChatRequest): string {
  const book = openNotebook(request.messages, false);
  const answer = answerFrom(analyse(book.task), gather(book));
  if (answer === null) {
    return `${standInLabel}\nNo answer found: none of the ${book.read.size} pages that I read has a sentence that answers the question.`;
  }
  const checked = answer.check === 'none' ? null : book.result;
  return [standInLabel, ...explain(answer, checked), '', `\\boxed{${checked ?? answer.text}}`].join('\n');
}

/**
 * A small rule-based researcher, so that everything can be seen at work without a language model.
 *
 * It searches, reads, follows names, computes and answers by word overlap. What it knows stands in its own replies, since observations
 * go out of view; so it answers from the request alone.
 */
export function createStandInMind(options: { readonly delayMs?: number } = {}): ModelMind {
  return {
    modelName: 'longhaul-stand-in',
    reply: (request) => {
      const text = isReaderRequest(request)
        ? read(lastText(request))
        : isFinalRequest(request)
          ? conclude(request)
          : research(request);
      return { ...plainReply(text), delayMs: options.delayMs ?? 0, chunkChars: 80 };
    },
  };
}
