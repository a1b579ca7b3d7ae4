/** Ids that models make up. *Source:* MiroThinker's `tool-python` server. */
const madeUpIds: ReadonlySet<string> = new Set([
  'default',
  'sandbox1',
  'sandbox',
  'some_id',
  'new_sandbox',
  'python',
  'create_sandbox',
  'sandbox123',
  'temp',
  'sandbox-0',
  'sandbox-1',
  'sandbox_0',
  'sandbox_1',
  'new',
  '0',
  'auto',
  'default_sandbox',
  'none',
  'sandbox_12345',
  'dummy',
  'sandbox_01',
]);

/** Is this an id that no sandbox ever has, or none at all? */
export function isMadeUp(sandboxId: string): boolean {
  return sandboxId.trim() === '' || madeUpIds.has(sandboxId);
}
