import type { AgentRules } from './rules.ts';

/** What follows a reply without a call. */
export type NoCallVerdict = 'resample' | 'end';

/** Asks again for a reply that tried to call, or refused, while rollbacks are left; any other ends the attempt. */
export function judgeNoCall(
  rules: Pick<AgentRules, 'maxRollbacks'>,
  reply: { readonly protocolTag: boolean; readonly refusal: boolean },
  rollbacks: number,
): NoCallVerdict {
  const isRejected = reply.protocolTag || reply.refusal;
  return isRejected && mayRollBack(rules, rollbacks) ? 'resample' : 'end';
}

/** Are there rollbacks left after so many in a row? */
export function mayRollBack(rules: Pick<AgentRules, 'maxRollbacks'>, rollbacks: number): boolean {
  return rules.maxRollbacks === null || rollbacks < rules.maxRollbacks;
}
