import type { Message } from '../../domain/dialects/dialect.ts';

/**
 * The text of a prompt as MiroThinker's chat template writes it: thoughts of every past reply kept, observations as plain user messages.
 *
 * Source: MiroThinker protocol §8.3.
 */
export function renderTemplate(messages: readonly Message[]): string {
  const turns = messages.map(
    ({ role, content }) => `<|im_start|>${role}\n${role === 'assistant' ? toReply(content) : content}<|im_end|>\n`,
  );
  return `${turns.join('')}<|im_start|>assistant\n`;
}

/** A past reply is taken apart and put together again, so that other white space around its thought does not survive. */
function toReply(content: string): string {
  const end = content.indexOf('</think>');
  const thought =
    end < 0
      ? ''
      : content
          .slice(0, end)
          .replace('<think>', '')
          .replaceAll(/^\n+|\n+$/gu, '');
  const rest = end < 0 ? content : content.slice(end + '</think>'.length).replace(/^\n+/u, '');
  return `<think>\n${thought}\n</think>\n\n${rest}`;
}
