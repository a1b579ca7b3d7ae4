import { z } from 'zod';
import { actorSchema, maxMessageBytes, reasonSchema } from '../../domain/holds.ts';
import { budgetSchema, submitSchema, textSchema } from './run-schemas.ts';

/** Who acts when nobody says so. */
const defaultActor = 'api';

const holder = {
  /** Who takes hold, for the record. */
  by: actorSchema.default(defaultActor),
  /** Why, for the record. */
  reason: reasonSchema.default(''),
} as const;

/** The body of a hold that needs nothing but a name. */
export const holdBodySchema = z.strictObject(holder).meta({ id: 'Hold' });
export type HoldBody = z.infer<typeof holdBodySchema>;

const messageTextSchema = textSchema
  .refine((text) => text.trim() !== '', {
    params: { rule: 'not_blank' },
    error: 'a message has at least one character',
  })
  .refine((text) => Buffer.byteLength(text) <= maxMessageBytes, {
    params: { rule: 'max_bytes' },
    error: `a message has at most ${maxMessageBytes} bytes of UTF-8`,
  });

/** A message that the model is shown with its next turn. */
export const messageBodySchema = z.strictObject({ ...holder, text: messageTextSchema }).meta({ id: 'Message' });

/** Limits to raise; those that are left out stay. */
export const raiseBodySchema = budgetSchema.omit({ on_exceed: true }).extend(holder).meta({ id: 'RaiseBudget' });
export type RaiseBody = z.infer<typeof raiseBodySchema>;

/** New arguments of a tool call. */
export const editBodySchema = z
  .strictObject({ ...holder, arguments: z.record(z.string(), z.unknown()) })
  .meta({ id: 'EditStep' });

/** What a fork does differently; what is left out stays as the run had it. */
const overridesSchema = z.strictObject({
  profile: submitSchema.shape.profile,
  budget: budgetSchema.nullish(),
  on_step_failure: submitSchema.shape.on_step_failure,
  /** The model is shown this first. */
  message: messageTextSchema.nullish(),
});

/** A fork: the first step that is done anew, and what is different. */
export const forkBodySchema = z
  .strictObject({ ...holder, from_step: z.int().min(0), overrides: overridesSchema.default({}) })
  .meta({ id: 'Fork' });
export type ForkBody = z.infer<typeof forkBodySchema>;
