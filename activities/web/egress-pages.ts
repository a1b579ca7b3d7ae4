import {
  type EgressLedger,
  type EgressPolicy,
  judgeEgress,
  offer,
  type EgressRefusal,
} from '../../domain/egress/egress-policy.ts';
import { AppError } from '../../domain/errors.ts';
import type { PagePort } from './ports.ts';

const reasons: Readonly<Record<EgressRefusal, string>> = {
  offline: 'this run reads nothing from the web',
  unseen: 'this run reads only addresses that came from the task, a search or a page that it read',
  'host-budget': 'this run has read as many pages of that host as it may',
  'choice-budget': 'this run has chosen among addresses as often as it may',
};

/** Where a run's ledger is kept between its steps. */
export interface EgressMemory {
  readonly read: () => EgressLedger;
  readonly write: (ledger: EgressLedger) => void;
}

/**
 * Pages within a run's egress policy: an address is judged before anything is asked, and the links of what is read become addresses that
 * may be read.
 *
 * Throws `Tool.Blocked` that says which rule refused it, beside what `pages` throws.
 */
export function createEgressPages(pages: PagePort, policy: EgressPolicy, memory: EgressMemory): PagePort {
  return {
    read: async (request, call) => {
      const verdict = judgeEgress(policy, request.url, memory.read());
      if (!verdict.allowed) {
        throw new AppError('Tool.Blocked', {
          field: 'url',
          what: `${reasons[verdict.reason]} (${verdict.reason})`,
          mend: 'Use an address from a search result or a page that was read.',
        });
      }
      memory.write(verdict.ledger);
      const page = await pages.read(verdict.sendsHeaders ? request : { url: request.url }, call);
      memory.write(offer(memory.read(), [page.finalUrl, ...page.links.map(({ url }) => url)]));
      return page;
    },
  };
}
