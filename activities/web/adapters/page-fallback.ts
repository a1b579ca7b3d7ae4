import { AppError } from '../../../domain/errors.ts';
import type { PagePort } from '../ports.ts';

/** A refused address stays refused, and arguments do not get better. */
const final: ReadonlySet<string> = new Set(['Tool.Blocked', 'Tool.BadArguments']);

/** Reads with the first port that can: what one fails on is tried with the next, and the last one's failure is what is told. */
export function createPageFallback(first: PagePort, second: PagePort): PagePort {
  return {
    read: async (request, call) => {
      try {
        return await first.read(request, call);
      } catch (error) {
        call.signal.throwIfAborted();
        if (!(error instanceof AppError) || !error.type.startsWith('Tool.') || final.has(error.type)) throw error;
        return second.read(request, call);
      }
    },
  };
}
