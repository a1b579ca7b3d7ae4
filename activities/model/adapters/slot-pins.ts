/** Gives the conversations of a llama.cpp server their slots, so that each finds its own cache again. */
export interface SlotPins {
  /** How many slots the server has; null: not known, and no slot is named. */
  readonly resize: (slots: number | null) => void;
  /** The conversation's slot; the one that was used longest ago when it has none yet. */
  readonly slotOf: (conversation: string) => number | null;
}

export function createSlotPins(): SlotPins {
  /** Conversation by slot; the order of the keys is that of use, the latest last. */
  const owners = new Map<number, string>();
  return {
    resize: (slots) => {
      for (const slot of owners.keys()) if (slots === null || slot >= slots) owners.delete(slot);
      for (let slot = 0; slot < (slots ?? 0); slot += 1) if (!owners.has(slot)) owners.set(slot, '');
    },
    slotOf: (conversation) => {
      const pinned = [...owners].find(([, owner]) => owner === conversation)?.[0];
      const free = [...owners].find(([, owner]) => owner === '')?.[0];
      const slot = pinned ?? free ?? owners.keys().next().value;
      if (slot === undefined) return null;
      owners.delete(slot);
      owners.set(slot, conversation);
      return slot;
    },
  };
}
