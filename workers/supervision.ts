import { z } from 'zod';

/** What a worker tells its supervisor. */
export const workerMessageSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready'), metricsPort: z.int().nullable() }),
  z.strictObject({ type: z.literal('activity-start'), token: z.string(), step: z.string() }),
  z.strictObject({ type: z.literal('activity-end'), token: z.string() }),
  z.strictObject({ type: z.literal('refused'), message: z.string() }),
]);
export type WorkerMessage = z.infer<typeof workerMessageSchema>;

/** What a supervisor tells its worker. */
export const supervisorMessageSchema = z.strictObject({ type: z.literal('drain') });

/** How a worker's process ends when what it was given cannot work: it is not started again. */
export const exitRefused = 2;

/** Environment of a worker's process beside the configuration. */
export const internalNames = {
  bundle: 'LONGHAUL_INTERNAL_BUNDLE',
  /** Set once a worker of this supervisor has proven host and store: later ones start without the proof. */
  proven: 'LONGHAUL_INTERNAL_PROVEN',
  identity: 'LONGHAUL_INTERNAL_IDENTITY',
} as const;
