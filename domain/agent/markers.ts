/** Tags that mark a reply as an attempt to call a tool; `<tool_name>` is none. Source: MiroThinker protocol §3.3. */
const protocolTags = [
  '<use_mcp_tool>',
  '</use_mcp_tool>',
  '<server_name>',
  '</server_name>',
  '<arguments>',
  '</arguments>',
] as const;

/** Phrases of a refusal, in the original's own mixture of apostrophes. */
const refusals = ['time constraint', 'I’m sorry, but I can’t', "I'm sorry, I cannot solve"] as const;

/** What is looked for in a reply without a call. */
export interface Markers {
  readonly protocolTag: boolean;
  readonly refusal: boolean;
}

/** Does the reply, thoughts included, hold a protocol tag or the phrase of a refusal? */
export function findMarkers(text: string): Markers {
  return {
    protocolTag: protocolTags.some((tag) => text.includes(tag)),
    refusal: refusals.some((phrase) => text.includes(phrase)),
  };
}
