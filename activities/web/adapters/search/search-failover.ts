import { AppError } from '../../../../domain/errors.ts';
import type { SearchPort } from '../../ports.ts';

/** A provider by its name. */
export interface NamedSearch {
  readonly name: string;
  readonly port: SearchPort;
}

/** Failures after which another provider may still search; a refused query would be refused again. */
const passing: ReadonlySet<string> = new Set([
  'Tool.Auth',
  'Tool.QuotaExhausted',
  'Tool.RateLimited',
  'Tool.Unavailable',
  'Tool.Failed',
]);

/**
 * Searches with the first provider that can, in the operator's order. Who was passed over, and why, stands in `searchParameters.passedOver`, so that nobody is
 * passed over in silence. When all fail, the last failure is told.
 */
export function createSearchFailover(providers: readonly NamedSearch[]): SearchPort {
  return {
    search: async (request, call) => {
      const passedOver: { readonly provider: string; readonly reason: string }[] = [];
      for (const [index, { name, port }] of providers.entries()) {
        try {
          const result = await port.search(request, call);
          if (passedOver.length === 0) return result;
          return { ...result, searchParameters: { ...result.searchParameters, passedOver } };
        } catch (error) {
          call.signal.throwIfAborted();
          const isLast = index === providers.length - 1;
          if (isLast || !(error instanceof AppError) || !passing.has(error.type)) throw error;
          passedOver.push({ provider: name, reason: error.type });
        }
      }
      throw new AppError('Config.Invalid', { what: 'there is no search provider' });
    },
  };
}
