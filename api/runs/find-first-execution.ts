import { toAppError } from '../../domain/errors.ts';
import type { RunRef } from '../../domain/ids.ts';
import type { ApiPorts } from '../ports.ts';

/**
 * Where a run's history begins: as the start record has it, else as the engine tells.
 *
 * Null when neither knows the run. @throws AppError `Engine.Unavailable`
 */
export async function findFirstExecution({ trajectory, engine }: ApiPorts, run: RunRef): Promise<string | null> {
  try {
    const start = await trajectory.readStart(run);
    if (start !== null) return start.firstExecutionId;
  } catch (error) {
    // The store is away or the record damaged: the engine knows as well.
    if (!toAppError(error).type.startsWith('Storage.')) throw error;
  }
  return (await engine.describe(run))?.firstExecutionId ?? null;
}
