import type { RunRef } from '../../domain/ids.ts';
import type { Lease } from './lease.ts';
import type { SandboxJob, SandboxRef } from './ports.ts';
import type { TreeBounds } from './tree/tree-safety.ts';
import type { StoredTree } from './tree/tree-store.ts';
import type { ByteText } from './tree/tree.ts';

/** A workspace as it was when it was last looked at, with what makes the next look cheap. */
export interface KnownTree extends StoredTree {
  /** Null for a workspace without any files, of which nothing is stored. */
  readonly digest: string | null;
  /** What the file system said of each file when its digest was taken: the same again means the same bytes. */
  readonly hints: ReadonlyMap<ByteText, string>;
}

/** A name that no snapshot keeps. It was removed from the workspace, so that every host goes on from the same files. */
export interface LeftOut {
  readonly path: ByteText;
  readonly why: string;
}

/** A look at a workspace after a job. */
export type Capture =
  | { readonly kind: 'tree'; readonly tree: KnownTree; readonly leftOut: readonly LeftOut[] }
  /** It holds more than it may; nothing of it counts. */
  | { readonly kind: 'excess'; readonly what: string };

/** How the processes of a job ended. */
export interface JobEnd {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  /** The rule on the workspace's size that the job broke while it ran, or null. */
  readonly excess: string | null;
  /** What the model is told beside the output. */
  readonly notes: readonly string[];
  /** What the runner of Python code said of the run; null when it could not. */
  readonly report: string | null;
}

/** How closely a workspace is compared with the tree that it should be. */
export type Scrutiny =
  /** Every file is read. */
  | 'bytes'
  /** Files whose hint no longer holds are read. */
  | 'hints'
  /** No file is read: the driver has just written them itself. */
  | 'names';

/**
 * The files of one sandbox, for one epoch of its lease.
 *
 * *Contract:* nothing that the holder of an earlier epoch does shows in it. Methods are called one at a time.
 */
export interface Workspace {
  /** Takes it out of rest. False: a later epoch was opened here, or took it over, so it is this holder's no longer. */
  readonly claim: () => Promise<boolean>;
  /** Makes a tree in it, whatever stood there. */
  readonly restore: (tree: StoredTree, files: BlobReader) => Promise<void>;
  /** The known tree with fresh hints when the workspace is that tree, else null. */
  readonly verify: (known: KnownTree, scrutiny: Scrutiny) => Promise<KnownTree | null>;
  /** Runs a job to its end; no process of it lives after. @throws AppError `Sandbox.Unavailable` when it is not known how it ended */
  readonly run: (job: SandboxJob, signal: AbortSignal) => Promise<JobEnd>;
  readonly capture: (known: KnownTree, files: BlobWriter) => Promise<Capture>;
  /** Lets it stand until the next step, as the tree of this digest; a later epoch on the same host may go on with its files. */
  readonly rest: (digest: string | null) => Promise<void>;
}

export interface BlobReader {
  readonly getBlob: (digest: string) => Promise<Buffer>;
  readonly signal: AbortSignal;
}

export interface BlobWriter {
  readonly putBlob: (bytes: Uint8Array) => Promise<string>;
}

/** A workspace of this host, for the sweep. */
export interface LocalWorkspace {
  readonly ref: SandboxRef;
  readonly epoch: number;
}

/** Where and how sandboxes run. */
export interface SandboxDriver {
  readonly bounds: TreeBounds;
  /** The highest epoch that was opened on this host; 0 for none. */
  readonly newestEpoch: (ref: SandboxRef) => Promise<number>;
  /**
   * Opens the workspace of a lease, after it has ended everything of earlier epochs on this host. `isTakenOver`: it has the files
   * of one that rested as the tree `before`; else it is empty.
   *
   * @throws AppError `Ledger.Fenced` when a later epoch was opened on this host already
   */
  readonly open: (
    ref: SandboxRef,
    lease: Lease,
    before: string | null,
  ) => Promise<{ readonly workspace: Workspace; readonly isTakenOver: boolean }>;
  readonly destroy: (run: RunRef) => Promise<void>;
  readonly listRuns: () => Promise<RunRef[]>;
  /** The newest workspace of each sandbox on this host. */
  readonly listWorkspaces: () => Promise<LocalWorkspace[]>;
  /** Ends and removes the workspaces of a sandbox up to an epoch. */
  readonly discard: (ref: SandboxRef, uptoEpoch: number) => Promise<void>;
  /** Ends and removes what belongs to no workspace. */
  readonly sweep: () => Promise<void>;
}
