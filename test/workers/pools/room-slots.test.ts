import { describe, expect, it } from 'vitest';
import { createRoomSlots } from '../../../workers/pools/room-slots.ts';

const context = {
  slotType: 'activity',
  taskQueue: 'model',
  workerIdentity: 'w',
  workerBuildId: '',
  isSticky: false,
} as const;
const slotInfo = { type: 'activity', activityType: 'callModel' } as const;
const signal = new AbortController().signal;

describe('slots that follow a room', () => {
  it('room for two: two permits, the third waits until one is released', async () => {
    const { supplier, running } = createRoomSlots(({ taken }) => taken < 2);
    const [first, second] = await Promise.all([
      supplier.reserveSlot(context, signal),
      supplier.reserveSlot(context, signal),
    ]);
    let got = false;
    const third = supplier.reserveSlot(context, signal).then((permit) => {
      got = true;
      return permit;
    });
    expect(supplier.tryReserveSlot(context)).toBeNull();
    supplier.markSlotUsed({ slotInfo, permit: first });
    expect([running(), got]).toEqual([1, false]);
    supplier.releaseSlot({ slotInfo, permit: second });
    await third;
    expect(running()).toBe(1);
    supplier.releaseSlot({ slotInfo, permit: first });
    expect(running()).toBe(0);
  });

  it('a room that grows by itself: the one that waits gets its permit', async () => {
    let room = 0;
    const { supplier } = createRoomSlots(({ taken }) => taken < room);
    const waiting = supplier.reserveSlot(context, signal);
    room = 1;
    expect(await waiting).toBeDefined();
  });

  it('no longer wanted: AbortError, and nothing is taken', async () => {
    const { supplier } = createRoomSlots(() => false);
    const controller = new AbortController();
    const waiting = supplier.reserveSlot(context, controller.signal);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    expect(supplier.tryReserveSlot(context)).toBeNull();
  });

  it('a poll that brings nothing: counts as polling, not as running', () => {
    const seen: object[] = [];
    const { supplier, running } = createRoomSlots((places) => seen.push(places) > 0);
    supplier.tryReserveSlot(context);
    const permit = supplier.tryReserveSlot(context);
    supplier.markSlotUsed({ slotInfo, permit: permit ?? {} });
    supplier.tryReserveSlot(context);
    expect(seen).toEqual([
      { taken: 0, polling: 0 },
      { taken: 1, polling: 1 },
      { taken: 2, polling: 1 },
    ]);
    expect(running()).toBe(1);
  });
});
