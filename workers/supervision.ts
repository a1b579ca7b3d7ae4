import { z } from 'zod';

/** What a worker tells its supervisor. */
export const workerMessageSchema = z.discriminatedUnion('type', [
  // Everything is loaded and connected; nothing is polled yet.
  z.strictObject({ type: z.literal('prepared'), metricsPort: z.int() }),
  z.strictObject({ type: z.literal('ready') }),
  z.strictObject({
    type: z.literal('activity-start'),
    token: z.string(),
    step: z.string(),
    ended: z.array(z.string()),
  }),
  z.strictObject({ type: z.literal('activity-end'), tokens: z.array(z.string()) }),
  z.strictObject({ type: z.literal('refused'), message: z.string() }),
]);
export type WorkerMessage = z.infer<typeof workerMessageSchema>;

/** What a supervisor tells its worker. */
export const supervisorMessageSchema = z.strictObject({ type: z.enum(['begin', 'drain']) });
export type SupervisorMessage = z.infer<typeof supervisorMessageSchema>;

/** How a worker's process ends when what it was given cannot work: it is not started again. */
export const exitRefused = 2;

/** Environment of a worker's process beside the configuration. */
export const internalNames = {
  bundle: 'LONGHAUL_INTERNAL_BUNDLE',
  /** Set once a worker of this supervisor has proven host and store: later ones start without the proof. */
  proven: 'LONGHAUL_INTERNAL_PROVEN',
  identity: 'LONGHAUL_INTERNAL_IDENTITY',
} as const;
