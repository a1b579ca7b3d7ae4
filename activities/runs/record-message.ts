import { digestFields } from '../../domain/digest.ts';
import { estimateTokens } from '../../domain/tokens.ts';
import { noUsage } from '../../domain/usage.ts';
import { performStep } from '../steps/perform-step.ts';
import type { StepScope } from '../steps/ports.ts';
import type { RecordedMessage, RecordMessageInput } from './contract.ts';
import type { RunPorts } from './ports.ts';

/** Records what a person said to the model, as a step of the run: the next prompt shows it. Idempotent. */
export async function recordMessage(
  ports: RunPorts,
  input: RecordMessageInput,
  scope: StepScope,
): Promise<RecordedMessage> {
  const { trajectory: ledger, clock, holder } = ports;
  const { digest, by, why } = input.message;
  const step = await performStep(
    { ledger, clock, holder, scope },
    {
      slot: input,
      kind: 'message',
      turn: input.turn,
      requestDigest: digestFields(['message', digest]),
      effect: 'read',
    },
    {
      work: async () => {
        const message = (await ports.blobs.get(input.tenant, digest)).toString('utf8');
        return {
          status: 'ok',
          failure: null,
          contents: { message },
          contentTokens: estimateTokens(message),
          usage: noUsage,
          costMicroUsd: 0,
          model: null,
          tool: null,
          hold: { action: 'steer', by, why },
        };
      },
    },
  );
  return { recordDigest: step.digest, contentTokens: step.record.contentTokens };
}
