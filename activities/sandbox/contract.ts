/** Activities of the sandbox pool beside its tools. */
export interface SandboxActivities {
  /** Removes every sandbox of a run with its processes. Idempotent. */
  readonly destroySandboxes: (input: { readonly tenant: string; readonly runId: string }) => Promise<void>;
}
