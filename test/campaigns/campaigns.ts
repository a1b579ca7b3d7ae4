import type { Campaign } from './support/campaign.ts';

/** Every campaign by its name; each is loaded only when it is asked for. */
export const campaigns: Readonly<Record<string, () => Promise<Campaign>>> = {
  ssrf: async () => (await import('./ssrf/ssrf-campaign.ts')).runSsrfCampaign,
  exfiltration: async () => (await import('./exfiltration/exfiltration-campaign.ts')).runExfiltrationCampaign,
  secrets: async () => (await import('./secrets/secrets-campaign.ts')).runSecretsCampaign,
  parsers: async () => (await import('./parsers/parsers-campaign.ts')).runParsersCampaign,
  everything: async () => (await import('./faults/everything.ts')).runEverythingCampaign,
  disk: async () => (await import('./faults/disk.ts')).runDiskCampaign,
  model: async () => (await import('./faults/model.ts')).runModelCampaign,
  store: async () => (await import('./faults/store.ts')).runStoreCampaign,
  server: async () => (await import('./faults/server.ts')).runServerCampaign,
  freeze: async () => (await import('./faults/freeze.ts')).runFreezeCampaign,
  kill: async () => (await import('./faults/kill.ts')).runKillCampaign,
  sandbox: async () => (await import('./sandbox/sandbox-campaign.ts')).runSandboxCampaign,
  workspace: async () => (await import('./workspace/workspace-campaign.ts')).runWorkspaceCampaign,
  simulation: async () => (await import('./simulation/simulation-campaign.ts')).runSimulationCampaign,
};
