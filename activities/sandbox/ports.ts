import type { RunRef } from '../../domain/ids.ts';

/** Which sandbox, and of which run. Run and sandbox ids are path-safe: `[A-Za-z0-9_-]+`. */
export interface SandboxRef extends RunRef {
  readonly sandboxId: string;
}

/** A file of the host's that a job can read. */
export interface Attachment {
  readonly sizeBytes: number;
  readonly open: () => Promise<AsyncIterable<Uint8Array>>;
}

/** One thing to run inside. */
export interface SandboxJob {
  /** `put` copies the attachment to a place in the workspace. */
  readonly kind: 'shell' | 'python' | 'put';
  /** The command line, the Python source, or JSON of a {@link PutRequest}. */
  readonly source: string;
  readonly attachment?: Attachment;
  /** Wall limit in milliseconds; the whole process tree is killed at its end. */
  readonly timeoutMs: number;
  /**
   * The files that the job begins with: `treeDigest` of the step that used this sandbox before, null for none. Whatever stands on
   * the host is made equal to it first.
   */
  readonly before: string | null;
}

/** Where a file is to go. The path is absolute or from the home; it must lie in the home. */
export interface PutRequest {
  readonly path: string;
  /** Its name, where the path is a folder. */
  readonly name: string;
  /** The path is a folder, whether it is there or not. */
  readonly isFolder: boolean;
}

/** The files after a job, by the digest of their tree; null for no files at all. */
export interface SandboxFiles {
  readonly treeDigest: string | null;
}

/** How a job ended. Each stream holds at most the driver's cap, cut with a note. */
export interface SandboxResult extends SandboxFiles {
  /** The job left more than a workspace may hold, so its files are those before it; a note on stderr says so. */
  readonly isRolledBack: boolean;
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  /** What the runner of Python code said of a run, as it wrote it; null when it could not. Written by code of a model. */
  readonly report: string | null;
}

/** What an attempt of a step brings along. */
export interface SandboxScope {
  readonly signal: AbortSignal;
  /** Says what the attempt waits for; null when it goes on. */
  readonly reportWaiting: (reason: string | null) => void;
}

/**
 * Where code written by a model runs: without network, credentials or host files.
 *
 * *Contract:* a job is a function of (files before, job) to (files after, result): what else stands on this host, an earlier attempt
 * of the same job included, has no part in it. When it resolves the files after are durable under `treeDigest`, and no process of
 * the job lives. A job that fails is a result, not an error. `Sandbox.Unavailable` and `Ledger.Fenced`: nothing of it counts, the
 * job can run again. `Storage.*` and `Sandbox.SnapshotUnsafe`: the files before could not be had, the job did not begin.
 * `destroy` is idempotent and removes every sandbox of the run with all its processes.
 */
export interface SandboxPort {
  readonly run: (ref: SandboxRef, job: SandboxJob, scope: SandboxScope) => Promise<SandboxResult>;
  /** Runs a job in a sandbox without files that is gone after it; nothing of it is stored. */
  readonly runOnce: (ref: SandboxRef, job: SandboxJob, scope: SandboxScope) => Promise<SandboxResult>;
  readonly destroy: (run: RunRef) => Promise<void>;
  /** Runs that have a sandbox on this host. */
  readonly listRuns: () => Promise<RunRef[]>;
  /** Ends and removes what no longer belongs to anybody on this host: workspaces that were taken over, processes without one. */
  readonly sweep: () => Promise<void>;
}
