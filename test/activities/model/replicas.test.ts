import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDnsReplicas } from '../../../activities/model/adapters/replicas-dns.ts';
import { createKubernetesReplicas } from '../../../activities/model/adapters/replicas-kubernetes.ts';
import { createStaticReplicas } from '../../../activities/model/adapters/replicas-static.ts';
import { startServer } from '../web/local-server.ts';

const signal = new AbortController().signal;

const resolve = async () => [
  { address: '10.0.0.7' },
  { address: 'fd00::2' },
  { address: '10.0.0.3' },
  { address: '10.0.0.7' },
];
const pod = (name: string, address: string, conditions: object | null) => ({
  addresses: [address],
  targetRef: { kind: 'Pod', name },
  ...(conditions === null ? {} : { conditions }),
});

describe('replicas that are listed', () => {
  it('without a name: host and port are it', async () => {
    const replicas = await createStaticReplicas([
      { url: 'http://gpu-0:8000/v1', weight: 1, drain: false },
      { url: 'https://gpu-1/v1', weight: 2, drain: true },
      { url: 'http://gpu-2/v1', id: 'spare', weight: 1, drain: false },
    ]).find(signal);
    expect(replicas.map(({ id }) => id)).toEqual(['gpu-0:8000', 'gpu-1:443', 'spare']);
    expect(replicas[1]).toMatchObject({ weight: 2, drain: true });
  });
});

describe('replicas of a DNS name', () => {
  const source = { name: 'vllm.gpu.svc', port: 8000, scheme: 'http', path: '/v1', refreshMs: 5_000 } as const;

  it('each address once, in an order that does not change with the answer’s', async () => {
    const replicas = await createDnsReplicas(source, resolve).find(signal);
    expect(replicas.map(({ url }) => url)).toEqual([
      'http://10.0.0.3:8000/v1',
      'http://10.0.0.7:8000/v1',
      'http://[fd00::2]:8000/v1',
    ]);
  });

  it('the host’s own resolver: localhost', async () => {
    const replicas = await createDnsReplicas({ ...source, name: 'localhost' }).find(signal);
    expect(replicas.map(({ id }) => id)).toContain('127.0.0.1:8000');
  });

  it('a name that is not there: rejects', async () => {
    const find = createDnsReplicas(source, () => Promise.reject(new Error('ENOTFOUND'))).find(signal);
    await expect(find).rejects.toThrow('ENOTFOUND');
  });
});

describe('replicas of a Kubernetes service', () => {
  let credentials: string;
  beforeAll(() => {
    credentials = mkdtempSync(join(tmpdir(), 'longhaul-kubernetes-'));
    writeFileSync(join(credentials, 'token'), 'token-1\n');
    writeFileSync(join(credentials, 'namespace'), 'gpu\n');
  });
  afterAll(() => rmSync(credentials, { recursive: true, force: true }));

  const source = { service: 'vllm', port: 'http', scheme: 'http', path: '/v1', refreshMs: 5_000 } as const;
  const slices = {
    kind: 'EndpointSliceList',
    items: [
      {
        ports: [
          { name: 'metrics', port: 9000 },
          { name: 'http', port: 8000, protocol: 'TCP' },
        ],
        endpoints: [
          pod('vllm-1', '10.0.0.2', { ready: true, serving: true, terminating: false }),
          pod('vllm-0', '10.0.0.1', null),
          pod('vllm-2', '10.0.0.3', { ready: false, serving: false, terminating: false }),
          pod('vllm-3', '10.0.0.4', { ready: false, serving: true, terminating: true }),
          pod('vllm-4', '10.0.0.5', { ready: false, serving: false, terminating: true }),
        ],
      },
      { ports: null, endpoints: null },
    ],
  };

  it('ready pods are asked, those that end and still serve are drained, the others left out', async () => {
    await using server = await startServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(slices));
    });
    const replicas = await createKubernetesReplicas(source, { apiUrl: server.origin, credentials }).find(signal);
    expect(replicas).toEqual([
      { id: 'vllm-0', url: 'http://10.0.0.1:8000/v1', weight: 1, drain: false },
      { id: 'vllm-1', url: 'http://10.0.0.2:8000/v1', weight: 1, drain: false },
      { id: 'vllm-3', url: 'http://10.0.0.4:8000/v1', weight: 1, drain: true },
    ]);
    const [request] = server.requests;
    expect(request?.url).toBe(
      '/apis/discovery.k8s.io/v1/namespaces/gpu/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dvllm',
    );
    expect(request?.headers.authorization).toBe('Bearer token-1');
  });

  it('a refusal of the cluster: rejects with its status', async () => {
    await using server = await startServer((_request, response) => {
      response.writeHead(403).end('{}');
    });
    const find = createKubernetesReplicas(
      { ...source, namespace: 'other' },
      { apiUrl: server.origin, credentials },
    ).find(signal);
    await expect(find).rejects.toThrow('403');
  });
});
