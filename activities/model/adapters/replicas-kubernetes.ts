import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { Agent, fetch } from 'undici';
import { z } from 'zod';
import type { ReplicaSource } from '../../../domain/pool/pool-config.ts';
import type { ReplicaAddress, ReplicaDiscovery } from '../pool/ports.ts';

/** Where a pod finds the cluster's API. */
export interface ClusterAccess {
  readonly apiUrl: string;
  /** Folder with `token`, `namespace` and `ca.crt`. */
  readonly credentials: string;
}

/** *Source:* Kubernetes: accessing the API from within a pod. */
const inPod: ClusterAccess = {
  apiUrl: 'https://kubernetes.default.svc',
  credentials: '/var/run/secrets/kubernetes.io/serviceaccount',
};

const endpointSchema = z.looseObject({
  addresses: z.array(z.string()).min(1),
  conditions: z
    .looseObject({
      ready: z.boolean().nullish(),
      serving: z.boolean().nullish(),
      terminating: z.boolean().nullish(),
    })
    .nullish(),
  targetRef: z.looseObject({ name: z.string() }).nullish(),
});
const sliceSchema = z.looseObject({
  endpoints: z.array(endpointSchema).nullish(),
  ports: z.array(z.looseObject({ name: z.string().nullish(), port: z.int().nullish() })).nullish(),
});
const slicesSchema = z.looseObject({ items: z.array(sliceSchema) });
type Slice = z.infer<typeof sliceSchema>;
type Source = NonNullable<ReplicaSource['kubernetes']>;

function portOf(slice: Slice, asked: Source['port']): number | null {
  if (typeof asked === 'number') return asked;
  return slice.ports?.find(({ name }) => name === asked)?.port ?? null;
}

/** Pods that are ready, and those that end but still serve: these take no new runs. */
function toAddresses(slice: Slice, { port: asked, scheme, path }: Source): ReplicaAddress[] {
  const port = portOf(slice, asked);
  if (port === null) return [];
  return (slice.endpoints ?? []).flatMap(({ addresses, conditions, targetRef }) => {
    const [address] = addresses;
    const isEnding = conditions?.terminating === true;
    // An absent condition means ready. *Source:* EndpointSlice API.
    const serves = isEnding ? conditions?.serving === true : conditions?.ready !== false;
    if (address === undefined || !serves) return [];
    const host = isIPv6(address) ? `[${address}]` : address;
    const id = targetRef?.name ?? `${host}:${port}`;
    return [{ id, url: `${scheme}://${host}:${port}${path}`, weight: 1, drain: isEnding }];
  });
}

/** The token is read at each look: the cluster renews it. */
async function listSlices(source: Source, access: ClusterAccess, signal: AbortSignal): Promise<Slice[]> {
  const read = async (name: string): Promise<string> => (await readFile(join(access.credentials, name), 'utf8')).trim();
  const namespace = source.namespace ?? (await read('namespace'));
  const ca = access.apiUrl.startsWith('https:') ? await read('ca.crt') : null;
  const dispatcher = new Agent(ca === null ? {} : { connect: { ca } });
  try {
    const selector = encodeURIComponent(`kubernetes.io/service-name=${source.service}`);
    const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=${selector}`;
    const response = await fetch(`${access.apiUrl}${path}`, {
      headers: { authorization: `Bearer ${await read('token')}`, accept: 'application/json' },
      signal,
      dispatcher,
    });
    if (!response.ok) throw new Error(`the cluster's API answered ${response.status}`);
    return slicesSchema.parse(await response.json()).items;
  } finally {
    await dispatcher.close();
  }
}

/** The endpoints of a Kubernetes service. The pod's service account must be allowed to list EndpointSlices. */
export function createKubernetesReplicas(source: Source, access: ClusterAccess = inPod): ReplicaDiscovery {
  return {
    refreshMs: source.refreshMs,
    find: async (signal) => {
      const slices = await listSlices(source, access, signal);
      const found = slices.flatMap((slice) => toAddresses(slice, source));
      return [...new Map(found.map((address) => [address.id, address])).values()].toSorted((left, right) =>
        left.id < right.id ? -1 : 1,
      );
    },
  };
}
