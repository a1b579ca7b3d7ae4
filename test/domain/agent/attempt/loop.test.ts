import { describe, expect, it } from 'vitest';
import { paperRules } from '../../../../domain/agent/rules.ts';
import { callText, commandText, play, reply, searchText, toShortLines } from '../../../support/attempts.ts';

const paper = { rules: paperRules };
const answer = reply('\\boxed{4}');
const empty = '{"organic": []}';

/** What the scripted attempt sent, with its replies by number. */
function sent(script: Parameters<typeof play>[0], given: Parameters<typeof play>[1] = {}): string[] {
  return toShortLines(play(script, given), script.replies);
}

describe('feature 1, the loop', () => {
  it('three turns, the last without a call: then a call of its own for the answer', () => {
    const replies = [reply(commandText('a')), reply(commandText('b')), reply('done'), answer];
    const played = play({ replies });
    expect(played.end).toEqual({ answer: { from: 'final', seq: 5 }, summary: null });
    expect(sent({ replies })).toEqual([
      '',
      'a:1 u:observation 1',
      'a:1 u:observation 1 a:2 u:observation 2',
      'a:1 u:observation 1 a:2 u:observation 2 a:3 u:<summary prompt>',
    ]);
  });
});

describe('feature 9, several calls a message', () => {
  it('all are made in order, and joined into one user message', () => {
    const text = `${commandText('a')}\n${searchText('x')}\n${commandText('b')}`;
    const played = play({ replies: [reply(text), reply('done'), answer] });
    expect(played.toolCalls.map(({ tool }) => tool)).toEqual(['run_command', 'google_search', 'run_command']);
    expect(played.modelCalls[1]?.messages.at(-1)?.content).toBe('observation 1\nobservation 2\nobservation 3');
  });

  it('a later one that asks for a rollback: shown, and nothing is taken back', () => {
    const text = `${commandText('a')}\n${searchText('x')}`;
    const results = [{ result: 'ok' }, { result: empty }];
    expect(sent({ replies: [reply(text), reply('done'), answer], results })[1]).toBe(`a:1 u:ok\n${empty}`);
  });
});

describe('features 10 and 11, rollback of malformed and refusing replies', () => {
  const cases = [
    ['a protocol tag', 'bad <arguments>'],
    ['a refusal', "I'm sorry, I cannot solve it"],
  ] as const;

  it.each(cases)('%s: dropped, refunded, and nothing said to the model', (_, text) => {
    const replies = [reply(text), reply(commandText()), answer];
    expect(sent({ replies }, { maxTurns: 1 })).toEqual(['', '', 'a:2 u:<summary prompt>']);
  });

  it.each(cases)('%s, later: four are taken back, the fifth ends the loop', (_, text) => {
    const replies = [...Array.from({ length: 5 }, () => reply(text)), answer];
    const lines = sent({ replies });
    expect(lines).toHaveLength(6);
    expect(lines.at(-1)).toBe('a:1 u:<summary prompt>');
  });

  it.each(cases)('%s, paper: taken back without end, up to the cap of calls', (_, text) => {
    const played = play({ replies: Array.from({ length: 400 }, () => reply(text)) }, { ...paper, maxTurns: 3 });
    expect(played.modelCalls).toHaveLength(3 + 200 + 1);
  });

  it('a turn with results: rollbacks are counted afresh', () => {
    const bad = Array.from({ length: 4 }, () => reply('bad <arguments>'));
    const replies = [...bad, reply(commandText()), ...bad, reply('done'), answer];
    expect(sent({ replies })).toHaveLength(11);
  });
});

describe('feature 12, repeats', () => {
  const twice = [reply(searchText('a')), reply(searchText('a')), reply('done'), answer];

  it('paper: answered by a notice, not run, the turn consumed', () => {
    const played = play({ replies: twice }, paper);
    expect(played.toolCalls).toHaveLength(1);
    expect(played.modelCalls[2]?.messages.at(-1)?.content).toBe('<duplicate notice>');
  });

  it('later: taken back', () => {
    const played = play({ replies: twice });
    expect(played.toolCalls).toHaveLength(1);
    expect(toShortLines(played, twice)).toEqual(['', 'a:1 u:observation 1', 'a:1 u:observation 1', expect.any(String)]);
  });

  it('later: the fifth in a row is run', () => {
    const replies = [...Array.from({ length: 6 }, () => reply(searchText('a'))), reply('done'), answer];
    expect(play({ replies }).toolCalls).toHaveLength(2);
  });

  it('a failed call: never a repeat', () => {
    expect(play({ replies: twice, results: [{ error: 'down' }] }).toolCalls).toHaveLength(2);
    expect(play({ replies: twice, results: [{ throws: 'boom' }] }, paper).toolCalls).toHaveLength(2);
    expect(
      play({ replies: twice, results: [{ result: '{"success": false, "error": "quota"}' }] }).toolCalls,
    ).toHaveLength(2);
  });

  it('within one message, paper: the second waits for the first, and is run only if that failed', () => {
    const replies = [reply(`${searchText('a')}${searchText('a')}`), reply('done'), answer];
    expect(play({ replies }, paper).toolCalls).toHaveLength(1);
    expect(play({ replies, results: [{ error: 'down' }] }, paper).toolCalls).toHaveLength(2);
  });

  it('within one message, later: the second is answered by a notice', () => {
    const replies = [reply(`${searchText('a')}${searchText('a')}`), reply('done'), answer];
    expect(play({ replies }).modelCalls[1]?.messages.at(-1)?.content).toBe('observation 1\n<duplicate notice>');
  });

  it('a message that begins with a repeat: taken back whole', () => {
    const replies = [reply(searchText('a')), reply(`${searchText('a')}${commandText()}`), reply('done'), answer];
    expect(play({ replies }).toolCalls).toHaveLength(1);
  });
});

describe('feature 13, results that send the turn back', () => {
  it.each([
    ['an empty search', { result: empty }],
    ['an unknown tool', { result: 'Unknown tool: x' }],
    ['refused arguments', { error: 'Error executing tool google_search' }],
  ])('%s, later: taken back; paper: shown', (_, result) => {
    const replies = [reply(searchText('a')), reply('done'), answer];
    expect(sent({ replies, results: [result] })).toEqual(['', '', 'a:2 u:<summary prompt>']);
    expect(sent({ replies, results: [result] }, paper)[1]).toMatch(/^a:1 u:/);
  });

  it('the fifth in a row: shown', () => {
    const replies = [...Array.from({ length: 5 }, (_, n) => reply(searchText(String(n)))), reply('done'), answer];
    const results = Array.from({ length: 5 }, () => ({ result: empty }));
    expect(sent({ replies, results })[5]).toBe(`a:5 u:${empty}`);
  });

  it('a failed search: shown, since it is no empty one', () => {
    const failed = '{"success": false, "error": "quota", "results": []}';
    const replies = [reply(searchText('a')), reply('done'), answer];
    expect(sent({ replies, results: [{ result: failed }] })[1]).toBe(`a:1 u:${failed}`);
  });
});

describe('feature 14, the cap of model calls', () => {
  it('a model that is always bad: stops after exactly maxTurns + 200 calls, and is asked for the answer', () => {
    const replies = Array.from({ length: 900 }, () => reply(''));
    const played = play({ replies }, { maxTurns: 7, restarts: 5 });
    expect(played.modelCalls).toHaveLength(207 + 1 + 1);
    expect(played.modelCalls.at(-2)?.purpose).toBe('final');
  });
});

describe('feature 15, empty replies', () => {
  const replies = [reply(''), { fail: 'Error code: 500' }, reply(commandText()), reply('done'), answer];

  it('later: turns refunded, a pause after each, no empty message in the history', () => {
    const played = play({ replies }, { maxTurns: 2 });
    expect(played.emptyReplyWaits).toBe(2);
    expect(toShortLines(played, replies).slice(0, 3)).toEqual(['', '', '']);
    expect(played.modelCalls.at(-1)?.messages.some(({ content }) => content === '')).toBe(false);
    expect(played.toolCalls).toHaveLength(1);
  });

  it('paper: turns consumed', () => {
    const played = play({ replies }, { ...paper, maxTurns: 2 });
    expect(played.toolCalls).toHaveLength(0);
    expect(played.emptyReplyWaits).toBe(2);
  });
});

describe('feature 16, tries', () => {
  it('later, a cut reply: ten tries in the record, nine of them dropped, the last taken', () => {
    const played = play({ replies: [reply('cut off', { finish: 'length' }), answer] });
    const tries = played.records.filter((record) => record.kind === 'model' && record.purpose === 'turn');
    expect(tries).toHaveLength(10);
    expect(toShortLines(played, [reply('cut off')]).at(-1)).toBe('a:1 u:<summary prompt>');
  });

  it('later, cut before its first character: said to be empty', () => {
    expect(sent({ replies: [reply('', { finish: 'length' }), answer] }).at(-1)).toBe(
      'a:LLM response is empty. u:<summary prompt>',
    );
  });

  it('later, cut with a server’s words for a full window: ends the loop', () => {
    const text = `Context length exceeded ${commandText()}`;
    const played = play({ replies: [reply(text, { finish: 'length' }), answer] });
    expect(played.toolCalls).toHaveLength(0);
    expect(played.modelCalls).toHaveLength(2);
  });

  it('paper, a cut or repetitive reply: counts as empty', () => {
    const replies = [reply('cut', { finish: 'length' }), reply('ab'.repeat(200)), reply('done'), answer];
    const played = play({ replies }, paper);
    expect(played.emptyReplyWaits).toBe(2);
    expect(played.records.filter(({ kind }) => kind === 'model')).toHaveLength(22);
  });

  it('a prompt that is too long: the last pair goes, and the answer is asked for at once', () => {
    const overflow = { fail: 'Error code: 400 - longer than the model' };
    const replies = [reply(commandText('a')), reply(commandText('b')), overflow, answer];
    expect(sent({ replies }).at(-1)).toBe('a:1 u:<summary prompt>');
  });
});

describe('feature 22, the context check in the loop', () => {
  const full = reply(commandText('b'), { promptTokens: 99_000 });

  it('no room: the pair goes, then the observation before it is popped', () => {
    expect(sent({ replies: [reply(commandText('a')), full, answer] }).at(-1)).toBe('a:1 u:<summary prompt>');
  });

  it('in the first turn: the task stays', () => {
    const played = play({ replies: [full, answer] });
    expect(played.modelCalls.at(-1)?.messages.map(({ content }) => content)).toEqual([
      '<system>',
      '<task>',
      '<summary prompt>',
    ]);
  });

  it('counts as a limit: another attempt is not forced to guess', () => {
    expect(play({ replies: [full] }, { restarts: 5, retryWithSummary: false })).toMatchObject({
      end: { answer: null, summary: null },
      modelCalls: [{}],
    });
  });
});

describe('a script of names that models get wrong', () => {
  it('later: run under the right names, and shown so in the history', () => {
    const replies = [reply(callText('python', { code: '1' }, 'default')), reply('done'), answer];
    const played = play({ replies });
    expect(played.toolCalls).toEqual([
      { server: 'tool-python', tool: 'run_python_code', arguments: { code_block: '1', sandbox_id: 'default' } },
    ]);
    expect(played.modelCalls[1]?.messages[2]?.content).toContain('<server_name>tool-python</server_name>');
    expect(play({ replies }, paper).toolCalls[0]?.tool).toBe('python');
  });
});
