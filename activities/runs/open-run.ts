import { nothingSpent } from '../../domain/budget.ts';
import { type Carry, type RunFacts, toStartState } from '../../domain/carry.ts';
import { dialectOf } from '../../domain/dialects/for-profile.ts';
import { AppError } from '../../domain/errors.ts';
import { type FoldedState, type FoldedStep, foldSteps } from '../../domain/fold-steps.ts';
import { digestManifest, type RunManifest } from '../../domain/manifest.ts';
import { toPreview } from '../../domain/receipt.ts';
import { estimateTokens } from '../../domain/tokens.ts';
import { toModelReceipt, toToolReceipt } from '../steps/receipts.ts';
import type { RecordedStep } from '../storage/trajectory-store.ts';
import type { OpenedRun, OpenRunInput } from './contract.ts';
import type { RunPorts } from './ports.ts';

/** Reads the manifest and, for a fork, the state after the steps that it shares. */
export async function openRun(ports: RunPorts, input: OpenRunInput): Promise<OpenedRun> {
  const manifest = await ports.history.readManifest(input);
  if (digestManifest(manifest) !== input.manifestDigest) {
    throw new AppError('Input.NoManifest', {
      what: `run ${input.runId} was started with another manifest than the store has`,
    });
  }
  const facts = toFacts(manifest);
  const resumed = manifest.parent === null ? null : await foldPrefix(ports, manifest, facts);
  return { facts, parent: manifest.parent, message: manifest.fork?.message ?? null, resumed };
}

function toFacts(manifest: RunManifest): RunFacts {
  const { profile, limits, question } = manifest;
  const dialect = dialectOf(profile);
  const readerTools = manifest.tools.filter((tool) => tool.name === 'scrape_and_extract_info').map((tool) => tool.name);
  const pageTokens = Math.ceil(profile.reader.maxPageChars / 2);
  return {
    profile: profile.name,
    question: toPreview(question),
    limits,
    onStepFailure: profile.onStepFailure,
    prices: profile.prices,
    keep: profile.retention.keep,
    windowTokens: profile.model.windowTokens,
    maxTokens: profile.model.maxTokens,
    baseTokens: estimateTokens(manifest.systemPrompt) + estimateTokens(dialect.taskMessage(question)),
    finalTokens: estimateTokens(dialect.finalPrompt(question)),
    readerReserve:
      readerTools.length === 0 ? null : { promptTokens: pageTokens, completionTokens: profile.reader.maxTokens },
    readerTools,
  };
}

/** The state of a fork at its first step of its own: from records alone, whether or not the engine still knows the parent. */
async function foldPrefix(ports: RunPorts, manifest: RunManifest, facts: RunFacts): Promise<FoldedState> {
  // The chain of a run begins with its manifest; that of a fork covers the prefix through what its manifest says of it.
  const upto = (manifest.parent?.uptoSeq ?? -1) + 1;
  const { steps } = await ports.history.read(manifest, upto, digestManifest(manifest));
  const folded: FoldedStep[] = [];
  for (const { record } of steps) {
    const owner = await ports.history.ownerOf(manifest, record.seq);
    const step = await ports.trajectory.readStep({ ...owner, seq: record.seq });
    if (step === null) throw new AppError('Storage.Missing', { what: `step ${record.seq} of run ${owner.runId}` });
    folded.push(await toFolded(ports, manifest, step));
  }
  const start: Carry = {
    ...toStartState(manifest, digestManifest(manifest), 0),
    facts,
    spent: nothingSpent(facts.prices),
  };
  return foldSteps(start, folded);
}

async function toFolded({ trajectory }: RunPorts, manifest: RunManifest, step: RecordedStep): Promise<FoldedStep> {
  const { record } = step;
  if (record.kind === 'message') return { record, kind: 'message', recordDigest: step.digest };
  if (record.kind === 'tool')
    return { record, kind: 'tool', receipt: await toToolReceipt(trajectory, manifest.tenant, step) };
  return { record, kind: 'model', receipt: await toModelReceipt(trajectory, manifest, step) };
}
