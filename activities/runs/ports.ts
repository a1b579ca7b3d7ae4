import type { RunRef } from '../../domain/ids.ts';
import type { Clock, Holder } from '../steps/ports.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { HistoryReader } from '../storage/history-reader.ts';
import type { TrajectoryStore } from '../storage/trajectory-store.ts';

/** Ports of the orchestrator's activities. */
export interface RunPorts {
  readonly trajectory: TrajectoryStore;
  readonly blobs: BlobStore;
  readonly history: HistoryReader;
  readonly clock: Clock;
  readonly holder: Holder;
  /** Hands an ended run over to the archive. Idempotent; returns once the engine has taken it. */
  readonly startArchive: (run: RunRef) => Promise<void>;
}
