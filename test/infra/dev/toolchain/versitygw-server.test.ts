import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { identifyProcess } from '../../../../infra/dev/toolchain/process-identity.ts';
import { ensureVersitygw } from '../../../../infra/dev/toolchain/versitygw.ts';
import { startVersitygw, type VersitygwServer } from '../../../../infra/dev/toolchain/versitygw-server.ts';
import { writeScript } from './fake-tools.ts';

let root: string;
let binary: string;
beforeAll(async () => {
  binary = (await ensureVersitygw({ env: process.env, report: (line) => console.error(line) })).path;
}, 5 * 60_000);
beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), 'longhaul-s3-'))));
afterEach(() => rm(root, { recursive: true, force: true }));

function createClient(server: VersitygwServer): S3Client {
  const credentials = { accessKeyId: server.accessKey, secretAccessKey: server.secretKey };
  return new S3Client({ endpoint: server.endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
}

describe('startVersitygw', { timeout: 60_000 }, () => {
  it('put, stop, start on the same folder, get: the object is there, and put-if-absent has one winner', async () => {
    const first = await startVersitygw({ binary, directory: root });
    const put = { Bucket: first.bucket, Key: 'a/b', Body: 'hello', IfNoneMatch: '*' };
    await createClient(first).send(new PutObjectCommand(put));
    await expect(createClient(first).send(new PutObjectCommand(put))).rejects.toThrow(/pre-?condition/i);
    await first.stop();
    expect(identifyProcess(first.pid)).toBeNull();

    const second = await startVersitygw({ binary, directory: root });
    try {
      const got = await createClient(second).send(new GetObjectCommand({ Bucket: second.bucket, Key: 'a/b' }));
      expect(await got.Body?.transformToString()).toBe('hello');
    } finally {
      await second.stop();
    }
  });

  it('early exit: the error has the end of its log', async () => {
    const fake = await writeScript(join(root, 'versitygw'), 'echo "no xattr here"; exit 3');
    await expect(startVersitygw({ binary: fake, directory: root })).rejects.toThrow(/exit code 3[^]*no xattr here/);
  });
});
