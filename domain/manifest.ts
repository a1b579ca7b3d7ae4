import { z } from 'zod';
import { limitsSchema } from './budget.ts';
import { digestJson } from './digest.ts';
import { digestSchema, runIdSchema, tenantSchema } from './ids.ts';
import { profileSchema } from './profile.ts';
import { toolDefinitionSchema } from './tools.ts';

/** A run's shared prefix: records `0..uptoSeq` of another run, by reference. */
export const parentPrefixSchema = z.strictObject({
  runId: runIdSchema,
  uptoSeq: z.int().min(0),
  head: digestSchema,
});
export type ParentPrefix = z.infer<typeof parentPrefixSchema>;

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
  profile: profileSchema,
  limits: limitsSchema,
  systemPrompt: z.string().min(1),
  tools: z.array(toolDefinitionSchema),
  /** Digest of question, profile, tools and prompt with the date left out: equal for the same task on another day. */
  taskDigest: digestSchema,
  /** The day that the model is told, in `timeZone`. */
  date: z.iso.date(),
  timeZone: z.string().min(1),
  createdAt: z.iso.datetime(),
  /** True when a rule-based stand-in plays the model. */
  standIn: z.boolean(),
  parent: parentPrefixSchema.nullable(),
  metadata: z.record(z.string(), z.string()),
});
export type RunManifest = z.infer<typeof runManifestSchema>;

/** The manifest's digest: head₀ of the audit chain. */
export function digestManifest(manifest: RunManifest): string {
  return digestJson(manifest);
}
