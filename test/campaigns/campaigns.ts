import type { Campaign } from './support/campaign.ts';

/** Every campaign by its name; each is loaded only when it is asked for. */
export const campaigns: Readonly<Record<string, () => Promise<Campaign>>> = {
  simulation: async () => (await import('./simulation/simulation-campaign.ts')).runSimulationCampaign,
};
