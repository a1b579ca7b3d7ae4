import { describe, expect, it } from 'vitest';

import { withoutCredentials } from '../../domain/without-credentials.ts';

describe('credentials in the words of others', () => {
  it.each([
    ['{"authorization":"Bearer abcdefgh12345678"}', '{"authorization":"Bearer [secret]"}'],
    ['Incorrect API key provided: sk-proj-abcdefghijklmnop.', 'Incorrect API key provided: [secret].'],
    ['at postgres://user:hunter2@db.example/x', 'at postgres://user:[secret]@db.example/x'],
    ['token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc', 'token [secret]'],
    ['maximum context length is 4096 tokens', 'maximum context length is 4096 tokens'],
    ['see https://docs.example/errors#a:b@c', 'see https://docs.example/errors#a:b@c'],
  ])('%s → %s', (text, shown) => {
    expect(withoutCredentials(text)).toBe(shown);
  });
});
