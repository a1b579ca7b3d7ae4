import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { AppError } from '../../domain/errors.ts';
import { parseStored } from '../storage/encoding.ts';
import { keys } from '../storage/keys.ts';
import type { ObjectStore } from '../storage/ports.ts';
import type { SandboxRef } from './ports.ts';

const leaseSchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** Grows with every taking, across workers and hosts: the fencing token. */
  epoch: z.int().min(1),
  /** Of this taking alone: two takings never share one, even when the object was removed between them. */
  nonce: z.string().regex(/^[0-9a-f]{12}$/),
  /** For people: who took it, and when. */
  holder: z.string(),
  takenAtMs: z.int().min(0),
});
export type Lease = z.infer<typeof leaseSchema>;

/**
 * Who works in a sandbox: one object a sandbox, advanced by compare-and-swap.
 *
 * *Contract:* a later taking has a higher epoch. Taking it is the whole protocol: nobody waits for a holder, who finds out at his
 * next step, and whose work until then touches nothing that the later holder reads.
 */
export interface LeaseStore {
  /** `floor`: an epoch that was seen on this host; leases of an ended run are dropped, and their numbers begin again. */
  readonly take: (ref: SandboxRef, holder: string, floor: number) => Promise<Lease>;
  /** Null when nobody ever took it, or the run's leases were dropped. */
  readonly read: (ref: SandboxRef) => Promise<Lease | null>;
  /** Removes the leases of a run that has ended. Idempotent. */
  readonly drop: (run: Pick<SandboxRef, 'tenant' | 'runId'>) => Promise<void>;
}

/** Takings that may come between a read and its swap before something is wrong. */
const maxTries = 50;

/** Leases in an object store. */
export function createLeaseStore(objects: ObjectStore, now: () => number): LeaseStore {
  const take = async (ref: SandboxRef, holder: string, floor: number): Promise<Lease> => {
    const key = keyOf(ref);
    for (let tries = 0; tries < maxTries; tries += 1) {
      const standing = await objects.get(key);
      const epoch = Math.max(floor, standing === null ? 0 : parse(standing.bytes, key).epoch) + 1;
      const nonce = randomBytes(6).toString('hex');
      const lease: Lease = { schemaVersion: 1, epoch, nonce, holder, takenAtMs: now() };
      const bytes = Buffer.from(JSON.stringify(lease));
      const won =
        standing === null
          ? await objects.putIfAbsent(key, bytes)
          : (await objects.compareAndSwap(key, bytes, standing.etag)) !== null;
      if (won) return lease;
    }
    throw new AppError('Storage.Unavailable', { what: `the lease ${key} could not be taken in ${maxTries} tries` });
  };
  return {
    take,
    read: async (ref) => {
      const standing = await objects.get(keyOf(ref));
      return standing === null ? null : parse(standing.bytes, keyOf(ref));
    },
    drop: async (run) => {
      const found = await objects.list(keys.leases(run));
      await Promise.all(found.map((key) => objects.delete(key)));
    },
  };
}

function keyOf(ref: SandboxRef): string {
  return keys.lease(ref, ref.sandboxId);
}

function parse(bytes: Uint8Array, key: string): Lease {
  return parseStored(Buffer.from(bytes).toString('utf8'), key, leaseSchema);
}
