/** What credentials look like in the words of others: bearer tokens, keys with a prefix, passwords in addresses. */
const shapes: readonly (readonly [RegExp, string])[] = [
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, '$1 [secret]'],
  [/\b(?:sk|pk|rk|tvly|key|ghp|gho|xox[abp]|hf|jina|AKIA|AIza)[-_]?[A-Za-z0-9_-]{16,}/g, '[secret]'],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]+)?/g, '[secret]'],
  [/(:\/\/[^\s:@/]{0,100}):[^\s@/]{1,200}@/g, '$1:[secret]@'],
];

/** A text of somebody else's, such as a server's error, without what looks like a credential. The last net, not the first. Pure. */
export function withoutCredentials(text: string): string {
  return shapes.reduce((shown, [pattern, mask]) => shown.replaceAll(pattern, mask), text);
}
