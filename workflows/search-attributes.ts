import { defineSearchAttributeKey } from '@temporalio/common';

/** The live index: typed, plain text, upserted only on a change of status and at the end. */
export const searchAttributes = {
  status: defineSearchAttributeKey('LonghaulStatus', 'KEYWORD'),
  tenant: defineSearchAttributeKey('LonghaulTenant', 'KEYWORD'),
  profile: defineSearchAttributeKey('LonghaulProfile', 'KEYWORD'),
  outcome: defineSearchAttributeKey('LonghaulOutcome', 'KEYWORD'),
  /** What a person has to do for the run to go on; unset while it goes on. */
  waitingFor: defineSearchAttributeKey('LonghaulWaitingFor', 'KEYWORD'),
  costMicroUsd: defineSearchAttributeKey('LonghaulCostMicroUsd', 'INT'),
};
