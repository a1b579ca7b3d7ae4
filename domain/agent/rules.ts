import { z } from 'zod';

/**
 * The points at which the agent's releases decide differently; every one is a switch by itself.
 *
 * Source: MiroThinker protocol §1.4, which compares the paper's release with the later line.
 */
export const agentRulesSchema = z.strictObject({
  /** Repairs tool names, server names and argument names that the models often get wrong. */
  repairsCalls: z.boolean(),
  /** A repeated call: `notice` answers it without running it, `rollback` takes the reply back. */
  repeats: z.enum(['notice', 'rollback']),
  /** Which calls can be repeats: `paper` leaves out `scrape_and_extract_info`. */
  repeatKeys: z.enum(['paper', 'later']),
  /** Rollbacks in a row that take effect; null for no limit of their own. */
  maxRollbacks: z.int().min(0).nullable(),
  /** Unknown tools, refused arguments and empty searches take the reply back. */
  resultsRollBack: z.boolean(),
  /** An empty reply gives its turn back. */
  emptyRefundsTurn: z.boolean(),
  /** Model calls of an attempt beyond its turns. */
  extraModelCalls: z.int().min(0),
  /** Boxes that say nothing count as no box. */
  blankBoxes: z.boolean(),
  /** Boxed answers of turns stand in where the final answer has none. */
  keepsIntermediateAnswers: z.boolean(),
  /** An attempt without an answer may be followed by another, and a limit reached before the last one asks for no answer. */
  restarts: z.boolean(),
  /** Tries of the final answer where every observation is in view; one elsewhere. */
  finalTriesKeepingAll: z.int().min(1),
  /** A reply cut for its length: `grow` asks again with more room and takes the last one, `refuse` never takes one. */
  truncated: z.enum(['grow', 'refuse']),
  /** A history that ends with the model's own words is continued, not answered. */
  prefill: z.boolean(),
  /** Factor on our token counts in the context check, for a tokenizer that is not the model's. */
  contextFactor: z.number().min(1).max(4),
  /** How percent-encoded texts in search results are decoded. */
  urlDecoding: z.enum(['paper', 'later']),
  /** Parts of a link that keep a search result out. */
  bannedLinks: z.array(z.string().min(1)),
  /** Search results leave out other spellings of banned links, too; readers always refuse them. */
  bansOtherSpellings: z.boolean(),
});
export type AgentRules = z.infer<typeof agentRulesSchema>;

/** Rules of the paper's release. Source: MiroThinker `f745722`. */
export const paperRules: AgentRules = {
  repairsCalls: false,
  repeats: 'notice',
  repeatKeys: 'paper',
  maxRollbacks: null,
  resultsRollBack: false,
  emptyRefundsTurn: false,
  extraModelCalls: 200,
  blankBoxes: false,
  keepsIntermediateAnswers: false,
  restarts: false,
  finalTriesKeepingAll: 1,
  truncated: 'refuse',
  prefill: false,
  contextFactor: 2,
  urlDecoding: 'paper',
  bannedLinks: ['huggingface.co/datasets', 'huggingface.co/spaces'],
  bansOtherSpellings: false,
};

/** Rules of the later line, v1.5 and 1.7. Source: MiroThinker `370f983`. */
export const laterRules: AgentRules = {
  repairsCalls: true,
  repeats: 'rollback',
  repeatKeys: 'later',
  maxRollbacks: 4,
  resultsRollBack: true,
  emptyRefundsTurn: true,
  extraModelCalls: 200,
  blankBoxes: true,
  keepsIntermediateAnswers: true,
  restarts: true,
  finalTriesKeepingAll: 3,
  truncated: 'grow',
  prefill: true,
  contextFactor: 1.5,
  urlDecoding: 'later',
  bannedLinks: ['huggingface.co/datasets', 'huggingface.co/spaces', 'unifuncs'],
  bansOtherSpellings: false,
};

/** The two rule sets by the names under which decisions are compared. */
export const rulesByRelease = { 'v1.0': paperRules, 'v1.7': laterRules } as const satisfies Record<string, AgentRules>;
