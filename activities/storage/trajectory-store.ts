import { z } from 'zod';
import { toCanonicalJson } from '../../domain/digest.ts';
import { AppError } from '../../domain/errors.ts';
import type { RunRef } from '../../domain/ids.ts';
import { type Claim, claimSchema } from '../../domain/ledger.ts';
import { digestManifest, type RunManifest, runManifestSchema } from '../../domain/manifest.ts';
import { type RunOutcome, runOutcomeSchema } from '../../domain/outcome.ts';
import { type ContentRef, type Slot, type StepRecord, stepRecordSchema } from '../../domain/record.ts';
import type { BlobStore } from './blob-store.ts';
import { compress, decompress, digestBytes, parseStored } from './encoding.ts';
import { keys } from './keys.ts';
import type { ObjectStore, StoredObject } from './ports.ts';

/** Contents up to this size ride in the record's object, so that an ordinary step is one put. */
const inlineMaxBytes = 32 * 1024;

/** The contents of a step by name; bytes always become a blob. */
export type StepContents = Partial<Record<ContentRef['name'], string | Uint8Array>>;

/** A record that is to be written: its contents are not digested yet. */
export interface StepDraft {
  readonly record: Omit<StepRecord, 'contents'>;
  readonly contents: StepContents;
}

/** A record as it stands in the store, with the contents that ride beside it. */
export interface RecordedStep {
  readonly record: StepRecord;
  readonly digest: string;
  readonly inline: Readonly<Record<string, string>>;
}

const storedStepSchema = z.strictObject({
  digest: z.string(),
  record: stepRecordSchema,
  inline: z.record(z.string(), z.string()),
});

const storedClaimSchema = z.strictObject({ claim: claimSchema });

/** What stands in a slot. `tag` names a claim's version for the write that replaces it. */
export type SlotState =
  | { readonly type: 'empty' }
  | { readonly type: 'claim'; readonly claim: Claim; readonly tag: string }
  | { readonly type: 'record'; readonly step: RecordedStep };

const startRecordSchema = z.strictObject({ firstExecutionId: z.string(), workflowId: z.string() });

/** How a record's write ended. */
export type PutStep =
  | { readonly won: true; readonly step: RecordedStep }
  | { readonly won: false; readonly standing: SlotState };

/** Records, manifests and outcomes of runs over an object store; every byte read back is checked against its digest. */
export interface TrajectoryStore {
  /** Puts the manifest if absent; @throws `Input.Invalid` when another one stands there. Returns its digest. */
  readonly putManifest: (manifest: RunManifest) => Promise<string>;
  /** Null when there is none. */
  readonly readManifest: (run: RunRef) => Promise<RunManifest | null>;
  /** What stands in a slot: nothing, the claim of an attempt, or the record. */
  readonly readSlot: (slot: Slot) => Promise<SlotState>;
  /** The record of a slot, or null when it has none (yet). */
  readonly readStep: (slot: Slot) => Promise<RecordedStep | null>;
  /**
   * Puts a claim into an empty slot, or over the claim that has `tag`: the new claim's tag, or null when something else stands there.
   */
  readonly putClaim: (slot: Slot, claim: Claim, tag: string | null) => Promise<string | null>;
  /**
   * Puts the record into an empty slot, or over the claim that has `tag` when one is given. `won` is false when something else stands there: it is
   * left as it is, and `standing` has it.
   */
  readonly putStep: (slot: Slot, draft: StepDraft, tag?: string | null) => Promise<PutStep>;
  /** A content of a step, or null when the step has none of that name. */
  readonly readText: (tenant: string, step: RecordedStep, name: ContentRef['name']) => Promise<string | null>;
  /** Puts the outcome and its index entry if absent; returns the outcome that stands there. */
  readonly putOutcome: (outcome: RunOutcome) => Promise<RunOutcome>;
  readonly readOutcome: (run: RunRef) => Promise<RunOutcome | null>;
  /** Remembers the engine's first execution of a run, for readers of its history. */
  readonly putStart: (run: RunRef, start: z.infer<typeof startRecordSchema>) => Promise<void>;
  readonly readStart: (run: RunRef) => Promise<z.infer<typeof startRecordSchema> | null>;
}

/** The digest of `digestRecord`, by the platform's own hash: it is taken twice a step. */
function digestRecordNatively(record: StepRecord): string {
  return digestBytes(toCanonicalJson(record));
}

function parseSlot({ bytes, etag }: StoredObject, key: string): Exclude<SlotState, { type: 'empty' }> {
  const text = decompress(bytes, key).toString('utf8');
  if (!text.startsWith('{"claim"')) return { type: 'record', step: parseStep(text, key) };
  return { type: 'claim', claim: parseStored(text, key, storedClaimSchema).claim, tag: etag };
}

function parseStep(json: string, key: string): RecordedStep {
  const stored = parseStored(json, key, storedStepSchema);
  if (digestRecordNatively(stored.record) !== stored.digest) {
    throw new AppError('Storage.Corrupt', { what: `record ${key} does not match its digest` });
  }
  for (const content of stored.record.contents) {
    const text = stored.inline[content.name];
    if (text !== undefined && digestBytes(text) !== content.digest) {
      throw new AppError('Storage.Corrupt', {
        what: `content ${content.name} of record ${key} does not match its digest`,
      });
    }
  }
  return stored;
}

/** Puts what is too large into blobs, and digests the rest. */
async function placeContents(blobs: BlobStore, tenant: string, contents: StepContents) {
  const refs: ContentRef[] = [];
  const inline: Record<string, string> = {};
  for (const [name, content] of Object.entries(contents)) {
    const ref = { name: stepContentName(name), bytes: Buffer.byteLength(content) };
    if (typeof content === 'string' && ref.bytes <= inlineMaxBytes) {
      inline[name] = content;
      refs.push({ ...ref, digest: digestBytes(content) });
    } else {
      refs.push({ ...ref, digest: await blobs.put(tenant, content) });
    }
  }
  return { refs, inline };
}

function stepContentName(name: string): ContentRef['name'] {
  return stepRecordSchema.shape.contents.element.shape.name.parse(name);
}

/** The slots of runs: each is one key, and every change of it is a conditional write. */
function createSlots({ objects, blobs }: { readonly objects: ObjectStore; readonly blobs: BlobStore }) {
  const readSlot = async (slot: Slot): Promise<SlotState> => {
    const key = keys.step(slot, slot.seq);
    const stored = await objects.get(key);
    if (stored === null) return { type: 'empty' };
    const state = parseSlot(stored, key);
    if (state.type === 'claim') return state;
    const { record } = state.step;
    if (record.seq === slot.seq && record.runId === slot.runId) return state;
    throw new AppError('Storage.Corrupt', { what: `record ${key} belongs to another slot` });
  };
  const readStep = async (slot: Slot): Promise<RecordedStep | null> => {
    const state = await readSlot(slot);
    return state.type === 'record' ? state.step : null;
  };
  const putClaim = async (slot: Slot, claim: Claim, tag: string | null): Promise<string | null> => {
    const key = keys.step(slot, slot.seq);
    const bytes = compress(JSON.stringify({ claim }));
    if (tag !== null) return await objects.compareAndSwap(key, bytes, tag);
    if (!(await objects.putIfAbsent(key, bytes))) return null;
    // The tag of what was put just now; if it is another's by then, that one has taken the slot over.
    const state = await readSlot(slot);
    return state.type === 'claim' && state.claim.nonce === claim.nonce ? state.tag : null;
  };
  const putStep = async (slot: Slot, draft: StepDraft, tag: string | null = null): Promise<PutStep> => {
    const { refs, inline } = await placeContents(blobs, slot.tenant, draft.contents);
    const record: StepRecord = { ...draft.record, contents: refs };
    const step = { digest: digestRecordNatively(record), record, inline };
    const key = keys.step(slot, slot.seq);
    const bytes = compress(JSON.stringify(step));
    const won =
      tag === null ? await objects.putIfAbsent(key, bytes) : (await objects.compareAndSwap(key, bytes, tag)) !== null;
    return won ? { won, step } : { won, standing: await readSlot(slot) };
  };
  return { readSlot, readStep, putClaim, putStep };
}

/** The trajectory store over an object store. */
export function createTrajectoryStore(ports: { objects: ObjectStore; blobs: BlobStore }): TrajectoryStore {
  const { objects, blobs } = ports;
  const readJson = async <T>(key: string, schema: z.ZodType<T>): Promise<T | null> => {
    const stored = await objects.get(key);
    return stored === null ? null : parseStored(decompress(stored.bytes, key).toString('utf8'), key, schema);
  };
  const putJson = (key: string, value: unknown) => objects.putIfAbsent(key, compress(JSON.stringify(value)));
  return {
    ...createSlots(ports),
    putManifest: async (manifest) => {
      const digest = digestManifest(manifest);
      if (await putJson(keys.manifest(manifest), manifest)) return digest;
      const standing = await readJson(keys.manifest(manifest), runManifestSchema);
      if (standing === null || digestManifest(standing) !== digest) {
        throw new AppError('Input.Invalid', { what: `run ${manifest.runId} has another manifest already` });
      }
      return digest;
    },
    readManifest: (run) => readJson(keys.manifest(run), runManifestSchema),
    readText: async (tenant, step, name) => {
      const ref = step.record.contents.find((content) => content.name === name);
      if (ref === undefined) return null;
      return step.inline[name] ?? (await blobs.get(tenant, ref.digest)).toString('utf8');
    },
    putOutcome: async (outcome) => {
      const won = await putJson(keys.outcome(outcome), outcome);
      const day = new Date(outcome.endedAtMs).toISOString().slice(0, 10);
      await putJson(keys.indexEntry(outcome, day), { runId: outcome.runId, outcome: outcome.outcome });
      if (won) return outcome;
      return (await readJson(keys.outcome(outcome), runOutcomeSchema)) ?? outcome;
    },
    readOutcome: (run) => readJson(keys.outcome(run), runOutcomeSchema),
    putStart: async (run, start) => {
      await putJson(keys.start(run), start);
    },
    readStart: (run) => readJson(keys.start(run), startRecordSchema),
  };
}
