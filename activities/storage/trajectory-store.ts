import { z } from 'zod';
import { toCanonicalJson } from '../../domain/digest.ts';
import { AppError } from '../../domain/errors.ts';
import type { RunRef } from '../../domain/ids.ts';
import { digestManifest, type RunManifest, runManifestSchema } from '../../domain/manifest.ts';
import { type RunOutcome, runOutcomeSchema } from '../../domain/outcome.ts';
import { type ContentRef, type Slot, type StepRecord, stepRecordSchema } from '../../domain/record.ts';
import type { BlobStore } from './blob-store.ts';
import { compress, decompress, digestBytes, parseStored } from './encoding.ts';
import { keys } from './keys.ts';
import type { ObjectStore } from './ports.ts';

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

const startRecordSchema = z.strictObject({ firstExecutionId: z.string(), workflowId: z.string() });

/** Records, manifests and outcomes of runs over an object store; every byte read back is checked against its digest. */
export interface TrajectoryStore {
  /** Puts the manifest if absent; @throws `Input.Invalid` when another one stands there. Returns its digest. */
  readonly putManifest: (manifest: RunManifest) => Promise<string>;
  /** Null when there is none. */
  readonly readManifest: (run: RunRef) => Promise<RunManifest | null>;
  /** The record of a slot, or null. */
  readonly readStep: (slot: Slot) => Promise<RecordedStep | null>;
  /** Puts the record if its slot is empty; returns whichever record stands there now. */
  readonly putStep: (slot: Slot, draft: StepDraft) => Promise<{ readonly won: boolean; readonly step: RecordedStep }>;
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

function parseStep(bytes: Uint8Array, key: string): RecordedStep {
  const stored = parseStored(decompress(bytes, key).toString('utf8'), key, storedStepSchema);
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

/** The trajectory store over an object store. */
export function createTrajectoryStore(ports: { objects: ObjectStore; blobs: BlobStore }): TrajectoryStore {
  const { objects, blobs } = ports;
  const readJson = async <T>(key: string, schema: z.ZodType<T>): Promise<T | null> => {
    const stored = await objects.get(key);
    return stored === null ? null : parseStored(decompress(stored.bytes, key).toString('utf8'), key, schema);
  };
  const putJson = (key: string, value: unknown) => objects.putIfAbsent(key, compress(JSON.stringify(value)));
  const readStep = async (slot: Slot): Promise<RecordedStep | null> => {
    const key = keys.step(slot, slot.seq);
    const stored = await objects.get(key);
    if (stored === null) return null;
    const step = parseStep(stored.bytes, key);
    if (step.record.seq === slot.seq && step.record.runId === slot.runId) return step;
    throw new AppError('Storage.Corrupt', { what: `record ${key} belongs to another slot` });
  };
  return {
    readStep,
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
    putStep: async (slot, draft) => {
      const { refs, inline } = await placeContents(blobs, slot.tenant, draft.contents);
      const record: StepRecord = { ...draft.record, contents: refs };
      const step = { digest: digestRecordNatively(record), record, inline };
      if (await objects.putIfAbsent(keys.step(slot, slot.seq), compress(JSON.stringify(step))))
        return { won: true, step };
      const winner = await readStep(slot);
      if (winner === null)
        throw new AppError('Storage.Unavailable', { what: `slot ${slot.seq} is taken but cannot be read` });
      return { won: false, step: winner };
    },
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
