import { z } from 'zod';
import { renderCall } from '../../activities/steps/prompt.ts';
import { AppError } from '../../domain/errors.ts';
import type { RunManifest } from '../../domain/manifest.ts';
import type { ApiPorts } from '../ports.ts';

/** A prompt as it was sent. */
export const promptSchema = z
  .strictObject({
    object: z.literal('prompt'),
    step: z.int(),
    purpose: z.string(),
    model: z.string(),
    /** First observation in view; earlier ones were shown as omitted. */
    first_live: z.int(),
    prompt_digest: z.string(),
    messages: z.array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: z.string() })),
  })
  .meta({ id: 'Prompt' });

/**
 * The messages that a model step sent, rendered again from the records and proved by the digest that was recorded with the step.
 *
 * Null when there is no such record. @throws AppError `Input.Invalid` for a step that sent none; `Ledger.ReplayDivergence` when
 * today's code renders another prompt; `Storage.*`, `Ledger.HeadMismatch`
 */
export async function showPrompt(
  { trajectory, history }: ApiPorts,
  manifest: RunManifest,
  seq: number,
): Promise<z.infer<typeof promptSchema> | null> {
  const owner = await history.ownerOf(manifest, seq);
  const step = await trajectory.readStep({ ...owner, seq });
  if (step === null) return null;
  const { model } = step.record;
  if (model === null) {
    throw new AppError('Input.Invalid', {
      field: '/n',
      what: `/n: step ${seq} is a ${step.record.kind} step without a prompt`,
      mend: 'Name a model step: GET …/trajectory lists them.',
    });
  }
  const { purpose, firstLive, promptDigest, head } = model;
  const read = await history.read(owner, seq, head);
  const { messages, promptDigest: rendered } = await renderCall(history, {
    run: owner,
    history: read,
    purpose,
    firstLive,
  });
  if (rendered !== promptDigest) {
    throw new AppError('Ledger.ReplayDivergence', {
      what: `the prompt of step ${seq} cannot be rendered as it was sent: its digest was ${promptDigest.slice(0, 12)}, today it is ${rendered.slice(0, 12)}`,
      mend: 'Render it with the version of Longhaul that ran it.',
    });
  }
  return {
    object: 'prompt',
    step: seq,
    purpose,
    model: model.model,
    first_live: firstLive,
    prompt_digest: promptDigest,
    messages: messages.map(({ role, content }) => ({ role, content })),
  };
}
