import { defineSearchAttributeKey } from '@temporalio/common';

/** The live index: typed, plain text, upserted only on a change of status and at the end. */
export const searchAttributes = {
  status: defineSearchAttributeKey('LonghaulStatus', 'KEYWORD'),
  tenant: defineSearchAttributeKey('LonghaulTenant', 'KEYWORD'),
  profile: defineSearchAttributeKey('LonghaulProfile', 'KEYWORD'),
  outcome: defineSearchAttributeKey('LonghaulOutcome', 'KEYWORD'),
  costMicroUsd: defineSearchAttributeKey('LonghaulCostMicroUsd', 'INT'),
};
