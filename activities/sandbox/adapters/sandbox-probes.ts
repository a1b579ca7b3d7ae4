/** What the probes look for: things that are really there on the host, and the limits that should hold. */
export interface ProbeTargets {
  /** Files and directories that only the host may read. */
  readonly hostPaths: readonly string[];
  /** A file of another run's workspace. */
  readonly otherWorkspace: string;
  /** Names that may be in the environment. */
  readonly environment: readonly string[];
  /** A listener on the host's 127.0.0.1. */
  readonly port: number;
  /** Text in the environment of another process of the host. */
  readonly canary: string;
  readonly processes: number;
  readonly memoryBytes: number;
  readonly tmpBytes: number;
}

/** What each probe tries; `probeSource` has one function a name. */
export const probeNames = [
  'host-files',
  'other-workspace',
  'environment',
  'root-uid',
  'capabilities',
  'network',
  'kernel-settings',
  'user-namespace',
  'descriptors',
  'other-processes',
  'writable-root',
  'process-limit',
  'memory-limit',
  'tmp-size',
] as const;

/**
 * Python source of the probes: prints `{name: null | string}`, where a string says how the probe got out.
 *
 * *Contract:* harmless where it does get out: nothing is written to the host, at most `processes + 32` sleeping processes
 * are started and ended, memory is reserved but not touched.
 */
export function toProbeSource(targets: ProbeTargets): string {
  return `import json\ntargets = json.loads(${JSON.stringify(JSON.stringify(targets))})\n${probes}`;
}

const probes = String.raw`
import ctypes, mmap, os, signal, socket

def refused(action):
    try:
        action()
        return False
    except OSError:
        return True

def read_any(path):
    if os.path.isdir(path):
        os.listdir(path)
    else:
        with open(path, "rb") as file:
            file.read(1)

def host_files():
    return next((path for path in targets["hostPaths"] if not refused(lambda: read_any(path))), None)

def other_workspace():
    path = targets["otherWorkspace"]
    return None if refused(lambda: read_any(path)) else path

def environment():
    extra = sorted(set(os.environ) - set(targets["environment"]))
    return ", ".join(extra) or None

def root_uid():
    ids = os.getresuid() + os.getresgid() + tuple(os.getgroups())
    return "uid or gid 0" if 0 in ids else None

def capabilities():
    with open("/proc/self/status") as file:
        held = [line.split() for line in file if line.startswith("Cap")]
    return next((name + value for name, value in held if int(value, 16) != 0), None)

def network():
    sock = socket.socket()
    sock.settimeout(2)
    with sock:
        return None if refused(lambda: sock.connect(("127.0.0.1", targets["port"]))) else "connected to the host"

def open_to_write(path):
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))

def kernel_settings():
    paths = [os.path.join(folder, name) for folder, _, names in os.walk("/proc/sys") for name in names]
    if len(paths) < 100:
        return "found only %d settings to try" % len(paths)
    paths += ["/proc/sysrq-trigger", "/sys/kernel/uevent_helper"]
    return next((path for path in paths if not refused(lambda: open_to_write(path))), None)

def user_namespace():
    new_user = 0x10000000
    child = os.fork()
    if child == 0:
        os._exit(1 if ctypes.CDLL(None, use_errno=True).unshare(new_user) != 0 else 0)
    return "unshare succeeded" if os.waitpid(child, 0)[1] == 0 else None

def descriptors():
    listed = [int(name) for name in os.listdir("/proc/self/fd")]
    found = [fd for fd in listed if fd > 2 and not refused(lambda: os.fstat(fd))]
    return "descriptor " + ", ".join(map(str, found)) if found else None

def other_processes():
    canary = targets["canary"].encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as file:
                if canary in file.read():
                    return "environment of another process"
        except OSError:
            pass
    return None

def writable_root():
    return next((path for path in ["/", "/usr", "/etc", "/dev"] if os.access(path, os.W_OK)), None)

def process_limit():
    children = []
    try:
        while len(children) < targets["processes"] + 32:
            child = os.fork()
            if child == 0:
                signal.pause()
                os._exit(0)
            children.append(child)
        return "started %d processes" % len(children)
    except OSError:
        return None
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

def memory_limit():
    no_reserve = 0x4000
    try:
        mmap.mmap(-1, targets["memoryBytes"], flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve).close()
        return "reserved %d bytes" % targets["memoryBytes"]
    except (OSError, MemoryError):
        return None

def tmp_size():
    for path in ["/tmp", "/dev/shm"]:
        disk = os.statvfs(path)
        if disk.f_blocks * disk.f_frsize > targets["tmpBytes"]:
            return "%s holds %d bytes" % (path, disk.f_blocks * disk.f_frsize)
    return None

def attempt(probe):
    try:
        return probe()
    except Exception as error:
        return "the probe itself failed: %r" % error

every = [host_files, other_workspace, environment, root_uid, capabilities, network, kernel_settings, user_namespace,
    descriptors, other_processes, writable_root, process_limit, memory_limit, tmp_size]
print(json.dumps({probe.__name__.replace("_", "-"): attempt(probe) for probe in every}))
`;
