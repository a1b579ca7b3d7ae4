import type { StepLedger } from '../../activities/steps/ports.ts';
import { ledgerRules } from '../../domain/ledger.ts';
import type { Sabotage } from './world.ts';

/** A ledger whose first look at a slot sees nothing. */
function withoutLookUp(ledger: StepLedger): StepLedger {
  let looks = 0;
  return {
    ...ledger,
    readSlot: async (slot) => {
      looks += 1;
      const state = await ledger.readSlot(slot);
      return looks === 1 ? { type: 'empty' } : state;
    },
  };
}

/** A ledger that puts a record over whatever claim stands there. */
function withoutFence(ledger: StepLedger): StepLedger {
  return {
    ...ledger,
    putStep: async (slot, draft, tag) => {
      const put = await ledger.putStep(slot, draft, tag);
      if (put.won || put.standing.type !== 'claim') return put;
      return await ledger.putStep(slot, draft, put.standing.tag);
    },
  };
}

/** A ledger that takes its own record for the one that stands, whoever won. */
function withoutAdoption(ledger: StepLedger): StepLedger {
  return {
    ...ledger,
    putStep: async (slot, draft, tag) => {
      const put = await ledger.putStep(slot, draft, tag);
      if (put.won) return put;
      const { record, contents } = draft;
      const inline = Object.fromEntries(Object.entries(contents).map(([name, text]) => [name, String(text)]));
      return { won: true, step: { digest: 'mine', record: { ...record, contents: [] }, inline } };
    },
  };
}

/** Keys of which no two are the same. */
function createFreshKeys(): () => string {
  let made = 0;
  return () => String((made += 1));
}

/** Each guard of the protocol, taken away; the simulator must miss every one of them. */
export const sabotages: Readonly<Record<string, Sabotage>> = {
  'the look-up before the work': { ledger: withoutLookUp },
  'the conditions on writes': { ignoresConditions: true },
  'the fence: a record over one’s own claim only': { ledger: withoutFence },
  'the adoption of the record that stands': { ledger: withoutAdoption },
  'the claim of a later delivery': {
    rules: {
      mustClaimFirst: (effect, delivery) => ledgerRules.mustClaimFirst(effect, effect === 'unkeyed' ? delivery : 1),
    },
  },
  'the claim before a call that may happen once': {
    rules: { mustClaimFirst: (_effect, delivery) => ledgerRules.mustClaimFirst('read', delivery) },
  },
  'the intent of a call that may happen once': { rules: { declaresIntent: () => false } },
  'the unknown outcome of a call that was begun': { rules: { isOutcomeUnknown: () => false } },
  'the same request for the same slot': { rules: { assertSameRequest: () => {} } },
  'the same key in every attempt': { rules: { toStepKey: createFreshKeys() } },
  'the second look of a worker that was frozen': { rules: { mayBegin: () => true } },
};
