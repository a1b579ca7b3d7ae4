/** Longest that a whole request may take, in milliseconds; the stream's own limits end a silent one long before. */
export const modelTimeoutMs = 20 * 60_000;
