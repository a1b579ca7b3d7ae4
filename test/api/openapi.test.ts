import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { routes } from '../../api/routes.ts';
import { createFixture } from './api-fixture.ts';

const documentSchema = z.object({
  openapi: z.string(),
  paths: z.record(z.string(), z.record(z.string(), z.looseObject({ operationId: z.string() }))),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
});

describe('openapi', () => {
  it('document: → 3.1, every route once, the schemas by name', async () => {
    const { get } = createFixture();
    const document = documentSchema.parse(await (await get('/openapi.json')).json());
    expect(document.openapi).toBe('3.1.0');
    const operations = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    );
    expect(operations.toSorted()).toEqual(
      Object.values(routes)
        .map(({ operationId }) => operationId)
        .toSorted(),
    );
    expect(Object.keys(document.components.schemas)).toEqual(
      expect.arrayContaining(['Research', 'ResearchList', 'SubmitResearch', 'Problem', 'EventList', 'Step']),
    );
  });

  it('every route of the document: → is answered by the app, not by its 404', async () => {
    const { api } = createFixture();
    for (const route of Object.values(routes)) {
      const path = route.path.replace('{id}', 'rsch_01ARZ3NDEKTSV4RRFFQ69G5FAV').replace('{n}', '0');
      const response = await api.app.request(path, { method: route.method.toUpperCase() });
      expect(await response.text()).not.toContain('there is no such path');
    }
  });

  it('metrics: → count requests by operation and status', async () => {
    const { get, post } = createFixture();
    await post('/v1/research', { input: 'q' });
    await post('/v1/research', { input: '' });
    const text = await (await get('/metrics')).text();
    expect(text).toContain('longhaul_api_requests_total{operation="submitResearch",method="POST",status="202"} 1');
    expect(text).toContain('longhaul_api_requests_total{operation="submitResearch",method="POST",status="422"} 1');
    expect(text).toContain('longhaul_api_submits_total{result="new"} 1');
  });
});
