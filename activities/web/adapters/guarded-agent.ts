import { Agent, buildConnector } from 'undici';

import { isSameAddress } from '../../../domain/addresses/ip-address.ts';
import { AppError } from '../../../domain/errors.ts';
import { type AddressGuard, toBlocked } from './address-guard.ts';

/** Opens a socket to an address that was checked before; undici's own connector unless a test replaces it. */
export type OpenSocket = buildConnector.connector;

/** What a guarded agent may be told. */
export interface GuardedAgentOptions {
  readonly guard: AddressGuard;
  /** For one address; the next checked one is tried after it. Default 5,000. */
  readonly connectTimeoutMs?: number | undefined;
  readonly open?: OpenSocket | undefined;
}

type Socket = NonNullable<Parameters<buildConnector.Callback>[1]>;

const maxAddressesTried = 4;

/**
 * An undici agent whose every connection is decided by the guard at the moment it is made: the name is resolved here, every answer
 * is checked, the socket goes to a checked address, and where it arrived is checked once more. No proxy, no HTTP/2, no TLS session
 * or cookie is kept.
 */
export function createGuardedAgent(options: GuardedAgentOptions): Agent {
  const open =
    options.open ?? buildConnector({ timeout: options.connectTimeoutMs ?? 5000, allowH2: false, maxCachedSessions: 0 });
  const connectGuarded = async (target: buildConnector.Options): Promise<Socket> => {
    const port = target.port === '' ? (target.protocol === 'https:' ? '443' : '80') : target.port;
    const addresses = await options.guard.resolve(target.hostname, port);
    const checked = await openFirst({ open, target: { ...target, port }, addresses });
    const remote = checked.socket.remoteAddress ?? '';
    if (isSameAddress(remote, checked.address)) return checked.socket;
    checked.socket.destroy();
    throw toBlocked(target.hostname, 'address');
  };
  return new Agent({
    allowH2: false,
    pipelining: 1,
    maxHeaderSize: 65_536,
    keepAliveTimeout: 4000,
    connect: (target, callback) => void answer(connectGuarded(target), callback),
  });
}

async function answer(socket: Promise<Socket>, callback: buildConnector.Callback): Promise<void> {
  try {
    callback(null, await socket);
  } catch (error) {
    callback(error instanceof Error ? error : new Error(String(error)), null);
  }
}

interface OpenRequest {
  readonly open: OpenSocket;
  readonly target: buildConnector.Options;
  readonly addresses: readonly string[];
}

async function openFirst(request: OpenRequest): Promise<{ readonly socket: Socket; readonly address: string }> {
  let lastError: unknown;
  for (const address of request.addresses.slice(0, maxAddressesTried)) {
    try {
      return { socket: await openOne(request, address), address };
    } catch (error) {
      lastError = error;
    }
  }
  if (lastError instanceof Error) throw lastError;
  throw new AppError('Tool.Unavailable', { what: `no address of ${request.target.hostname} could be reached` });
}

function openOne({ open, target }: OpenRequest, address: string): Promise<Socket> {
  const { servername: _ignored, ...rest } = target;
  // A name is asked for by SNI and in the certificate; the socket itself never sees it, so nothing can resolve it again.
  const isTlsByName = target.protocol === 'https:' && !isSameAddress(target.hostname, address);
  const tls = isTlsByName ? { servername: target.hostname } : {};
  return new Promise((resolve, reject) => {
    open({ ...rest, ...tls, hostname: address }, (...[error, socket]) => {
      if (error === null) resolve(socket);
      else reject(error);
    });
  });
}
