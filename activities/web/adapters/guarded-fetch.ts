import { type Agent, fetch as undiciFetch, type RequestInit, type Response } from 'undici';

import { type AddressGuard, toBlocked } from './address-guard.ts';
import { createGuardedAgent, type GuardedAgentOptions } from './guarded-agent.ts';

/** A fetch that reaches only what the guard lets it. */
export interface GuardedFetch {
  /**
   * One request to a judged URL; a redirect is an answer like any other and is not followed. The connection goes to a checked address.
   *
   * Rejects with `Tool.Blocked` for a refused URL, and as `fetch` does otherwise.
   */
  readonly fetch: (url: string | URL, init?: Omit<RequestInit, 'dispatcher' | 'redirect'>) => Promise<Response>;
  readonly close: () => Promise<void>;
}

/**
 * Creates a fetch behind the guard, for addresses that come from a tenant or a model: webhooks, MCP servers, downloads.
 *
 * *Contract:* no proxy of the environment is used, and no redirect followed; the caller judges where one leads by asking again.
 */
export function createGuardedFetch(options: GuardedAgentOptions): GuardedFetch {
  const agent: Agent = createGuardedAgent(options);
  return {
    fetch: async (url, init = {}) => {
      const target = judged(options.guard, String(url));
      try {
        return await undiciFetch(target, { ...init, dispatcher: agent, redirect: 'manual' });
      } catch (error) {
        // A refusal at connect arrives wrapped in "fetch failed".
        throw error instanceof TypeError && error.cause instanceof Error ? error.cause : error;
      }
    },
    close: () => agent.destroy(),
  };
}

function judged(guard: AddressGuard, text: string): URL {
  const verdict = guard.judge(text);
  if (!verdict.allowed) throw toBlocked(text, verdict.reason);
  return verdict.url;
}
