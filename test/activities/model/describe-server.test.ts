import { describe, expect, it } from 'vitest';
import { describeServer } from '../../../activities/model/adapters/describe-server.ts';

const signal = new AbortController().signal;
const answers = (paths: Readonly<Record<string, unknown>>) => async (path: string) => {
  const found = paths[path];
  return found === undefined
    ? new Response('no such path', { status: 404 })
    : new Response(typeof found === 'string' ? found : JSON.stringify(found));
};
const models = { data: [{ id: 'm', max_model_len: 262_144 }] };

describe('what a server says of itself', () => {
  it.each([
    [
      'vLLM',
      { '/v1/models': models, '/version': { version: '0.32.0' } },
      { engine: 'vllm', version: '0.32.0', slots: null, models: [{ id: 'm', windowTokens: 262_144 }] },
    ],
    [
      'SGLang',
      { '/v1/models': models, '/get_server_info': { version: '0.5.1' } },
      { engine: 'sglang', version: '0.5.1' },
    ],
    [
      'llama.cpp',
      {
        '/v1/models': { data: [{ id: 'm' }] },
        '/props': { total_slots: 4, default_generation_settings: { n_ctx: 131_072 }, build_info: 'b7000' },
      },
      { engine: 'llamacpp', version: 'b7000', slots: 4, models: [{ id: 'm', windowTokens: 131_072 }] },
    ],
    [
      'a server known by its metrics only',
      { '/v1/models': models, '/metrics': 'vllm:num_requests_running 0\n' },
      { engine: 'vllm', version: null },
    ],
    ['an unknown one', { '/v1/models': models, '/version': '<html></html>' }, { engine: null, version: null }],
    ['one that lists no models', {}, { engine: null, models: [] }],
  ])('%s', async (_, paths, facts) => {
    expect(await describeServer(answers(paths), signal)).toMatchObject(facts);
  });

  it('one that cannot be reached: rejects', async () => {
    await expect(describeServer(() => Promise.reject(new Error('refused')), signal)).rejects.toThrow('refused');
  });
});
