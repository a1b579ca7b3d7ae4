/** What stands for prose of our own, so that it can be compared with another's. */
export const systemPrompt = '<system>';
export const taskMessage = '<task>';
export const summaryPrompt = '<summary prompt>';
export const failurePrompt = '<failure prompt>';
export const failurePrefill = '<failure prefill>';
export const repeatNotice = '<duplicate notice>';
export const noOutputNotice = '<no output notice>';

/** The answer of an attempt without one. Source: MiroThinker protocol §3.3. */
export const formatError = String.raw`No \boxed{} content found in the final answer.`;
