import { z } from 'zod';
import { limitsSchema } from './budget.ts';
import { digestJson } from './digest.ts';
import { actorSchema, queuedMessageSchema, reasonSchema } from './holds.ts';
import { digestSchema, runIdSchema, tenantSchema } from './ids.ts';
import { profileSchema } from './profile.ts';
import { toolDefinitionSchema } from './tools.ts';

/**
 * A run's shared prefix: records `0..uptoSeq` of another run, by reference; none of them for −1.
 *
 * `head` is the other run's audit chain over these records. It stands in the manifest, whose digest begins the chain of this run:
 * so the whole prefix is under this run's chain as well.
 */
export const parentPrefixSchema = z.strictObject({
  runId: runIdSchema,
  uptoSeq: z.int().min(-1),
  head: digestSchema,
});
export type ParentPrefix = z.infer<typeof parentPrefixSchema>;

/** Who forked a run, why, and what the model is told first. */
export const forkSchema = z.strictObject({
  /** The run that was forked; the records before the step may belong to a run that it was forked from. */
  runId: runIdSchema,
  /** The first step that is the fork's own. */
  step: z.int().min(0),
  by: actorSchema,
  why: reasonSchema,
  message: queuedMessageSchema.nullable(),
});
export type Fork = z.infer<typeof forkSchema>;

/**
 * Everything that shapes a prompt or a decision of a run, fixed before the run starts.
 *
 * *Contract:* put once; its digest is workflow input and the first link of the audit chain. Nothing that is in here is read
 * later from environment, clock or code defaults.
 */
export const runManifestSchema = z.strictObject({
  schemaVersion: z.literal(1),
  tenant: tenantSchema,
  runId: runIdSchema,
  question: z.string().min(1),
  /** As the operator wrote it; its limits are the most that this run may be given. */
  profile: profileSchema,
  /** What the run begins with: the profile's limits, narrowed to the task's budget. */
  limits: limitsSchema,
  systemPrompt: z.string().min(1),
  tools: z.array(toolDefinitionSchema),
  /**
   * Digest of question, profile, tools and prompt: equal for the same task on another day and under another budget, as neither the
   * date nor limits nor prices are in it.
   */
  taskDigest: digestSchema,
  /** The day that the model is told, in `timeZone`. */
  date: z.iso.date(),
  timeZone: z.string().min(1),
  createdAt: z.iso.datetime(),
  /** True when a rule-based stand-in plays the model. */
  standIn: z.boolean(),
  parent: parentPrefixSchema.nullable(),
  /** Set with `parent`. */
  fork: forkSchema.nullable(),
  metadata: z.record(z.string(), z.string()),
});
export type RunManifest = z.infer<typeof runManifestSchema>;

/** The manifest's digest: head₀ of the audit chain. */
export function digestManifest(manifest: RunManifest): string {
  return digestJson(manifest);
}
