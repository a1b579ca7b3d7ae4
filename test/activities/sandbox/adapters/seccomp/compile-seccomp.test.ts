import { describe, expect, it } from 'vitest';
import { compileSeccomp } from '../../../../../activities/sandbox/adapters/seccomp/compile-seccomp.ts';
import {
  type Architecture,
  errnos,
  readCallNumbers,
  readSeccompPolicy,
  type SeccompPolicy,
} from '../../../../../activities/sandbox/adapters/seccomp/seccomp-policy.ts';
import { type FilteredCall, runFilter } from './bpf-machine.ts';

const policy = readSeccompPolicy();
const numbers = readCallNumbers();
const auditNames = { x86_64: 0xc000_003e, aarch64: 0xc000_00b7 } as const;
const architectures: Architecture[] = ['x86_64', 'aarch64'];

const allowed = 0x7fff_0000;
const killed = 0x8000_0000;
const refused = (errno: keyof typeof errnos) => 0x0005_0000 + errnos[errno];

function open(architecture: Architecture, rules: SeccompPolicy = policy) {
  const program = compileSeccomp(rules, numbers, architecture);
  const ask = (call: Partial<FilteredCall>) =>
    runFilter(program, { architecture: auditNames[architecture], number: 0, ...call });
  const numberOf = (name: string) => {
    const number = numbers[architecture][name];
    if (number === undefined) throw new Error(`${architecture} has no ${name}`);
    return number;
  };
  return { program, ask, call: (name: string, ...args: number[]) => ask({ number: numberOf(name), args }) };
}

/** What the policy says of a call that no rule judges by its arguments; undefined is a number that no table has. */
function expectedAnswer(name: string | undefined): number {
  if (name === undefined) return refused('ENOSYS');
  if (policy.allow.includes(name)) return allowed;
  if (policy.refuse.ENOSYS?.includes(name) === true) return refused('ENOSYS');
  return refused(policy.refuse.ENOTSUP?.includes(name) === true ? 'ENOTSUP' : 'EPERM');
}

describe.each(architectures)('the filter for %s', (architecture) => {
  const { program, ask, call } = open(architecture);

  it('every number of the table and beyond: answered as the policy says', () => {
    const byArgument = new Set(policy.byArgument.flatMap(({ calls }) => calls));
    const names = new Map(Object.entries(numbers[architecture]).map(([name, number]) => [number, name]));
    let asked = 0;
    for (let number = 0; number < 1_200; number += 1) {
      const name = names.get(number);
      if (name !== undefined && byArgument.has(name)) continue;
      asked += 1;
      expect([number, name, ask({ number })]).toEqual([number, name, expectedAnswer(name)]);
    }
    expect(asked).toBeGreaterThan(1_100);
  });

  it('another architecture: killed, whatever the number', () => {
    for (const other of [0x4000_0003, auditNames[architecture === 'x86_64' ? 'aarch64' : 'x86_64'], 0]) {
      for (const number of [0, 1, 59, 221]) expect(ask({ architecture: other, number })).toBe(killed);
    }
  });

  it('numbers of x32, negative ones and the last one: ENOSYS', () => {
    for (const number of [0x4000_0000, 0x4000_0001, 0x4000_003b, 0x8000_0000, 0xffff_ffff]) {
      expect(ask({ number })).toBe(refused('ENOSYS'));
    }
  });

  it.each([
    'ptrace',
    'mount',
    'umount2',
    'pivot_root',
    'unshare',
    'setns',
    'bpf',
    'keyctl',
    'add_key',
    'request_key',
    'userfaultfd',
    'perf_event_open',
    'open_by_handle_at',
    'kexec_load',
    'init_module',
    'finit_module',
    'delete_module',
    'reboot',
    'swapon',
    'settimeofday',
    'clock_settime',
    'sethostname',
    'process_vm_readv',
    'process_vm_writev',
    'pidfd_getfd',
    'kcmp',
    'chroot',
    'move_mount',
    'open_tree',
    'fsopen',
    'mount_setattr',
    'syslog',
    'quotactl',
    'acct',
    'seccomp',
    'landlock_restrict_self',
    'fanotify_init',
    'vmsplice',
    'setuid',
    'capset',
    'migrate_pages',
  ])('%s: EPERM', (name) => {
    expect(call(name)).toBe(refused('EPERM'));
  });

  it.each(['clone3', 'io_uring_setup', 'io_uring_enter', 'io_uring_register', 'io_setup'])('%s: ENOSYS', (name) => {
    expect(call(name)).toBe(refused('ENOSYS'));
  });

  it('clone: threads and processes are made, namespaces are not', () => {
    const thread = 0x003d_0f00;
    for (const flags of [0x11, thread, 0x4111, 0x0120_0011]) expect(call('clone', flags)).toBe(allowed);
    for (const bit of [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000]) {
      expect(call('clone', bit | 0x11)).toBe(refused('EPERM'));
      expect(call('clone', bit | thread)).toBe(refused('EPERM'));
    }
  });

  it('socket: each family and type but unix and IPv4 streams and datagrams → EAFNOSUPPORT', () => {
    const opened: string[] = [];
    const others = new Set<number>();
    for (let family = 0; family < 64; family += 1) {
      for (let type = 0; type < 16; type += 1) {
        const answers = [0, 0o4000, 0o2000000, 0o2004000].map((flags) => call('socket', family, type | flags, 0));
        expect(new Set(answers).size).toBe(1);
        if (answers[0] === allowed) opened.push(`${family}:${type}`);
        else others.add(answers[0] ?? 0);
      }
    }
    expect([...others]).toEqual([refused('EAFNOSUPPORT')]);
    expect(opened).toEqual(['1:1', '1:2', '1:5', '2:1', '2:2']);
    const protocols = [0, 6, 17, 1, 132, 255, 262].filter((protocol) => call('socket', 2, 1, protocol) === allowed);
    expect(protocols).toEqual([0, 6, 17]);
  });

  it('ioctl: what types into a terminal or changes its discipline → ENOTTY, asking for its size is answered', () => {
    for (const command of [0x5412, 0x541c, 0x541d, 0x5423, 0x4b47, 0x8933_0000]) {
      expect(call('ioctl', 0, command)).toBe(refused('ENOTTY'));
    }
    for (const command of [0x5401, 0x5413, 0x541b, 0x8004_5430]) expect(call('ioctl', 0, command)).toBe(allowed);
  });

  it('prctl, personality, mknodat: the harmless ones only', () => {
    expect([15, 1, 38, 0x5356_4d41].map((option) => call('prctl', option))).toEqual(Array(4).fill(allowed));
    expect([22, 24, 35, 47, 8, 28].map((option) => call('prctl', option))).toEqual(Array(6).fill(refused('EPERM')));
    expect([0, 0xffff_ffff].map((persona) => call('personality', persona))).toEqual(Array(2).fill(allowed));
    expect([0x0400_0000, 0x0004_0000].map((persona) => call('personality', persona))).toEqual(
      Array(2).fill(refused('EPERM')),
    );
    expect([0o644, 0o100644, 0o10644, 0o140644].map((mode) => call('mknodat', 0, 0, mode))).toEqual(
      Array(4).fill(allowed),
    );
    expect([0o20644, 0o60644].map((mode) => call('mknodat', 0, 0, mode))).toEqual(Array(2).fill(refused('EPERM')));
  });

  it('its program: short enough for the kernel, every jump within it', () => {
    const length = program.length / 8;
    expect(length).toBeLessThan(1_000);
    for (let at = 0; at < length; at += 1) {
      const code = program.readUInt16LE(at * 8);
      const isLongJump = code === 0x05;
      const furthest = isLongJump
        ? program.readUInt32LE(at * 8 + 4)
        : Math.max(program[at * 8 + 2]!, program[at * 8 + 3]!);
      expect(at + 1 + furthest).toBeLessThan(code === 0x06 ? length + 1 : length);
    }
  });
});

describe('a policy', () => {
  const small: SeccompPolicy = { allow: ['read'], refuse: {}, byArgument: [] };

  it('that names a call which does not exist: Config.Invalid', () => {
    expect(() => compileSeccomp({ ...small, allow: ['raed'] }, numbers, 'x86_64')).toThrow('raed');
  });

  it('that names a call twice: Config.Invalid', () => {
    const twice = { ...small, refuse: { ENOSYS: ['read'] } };
    expect(() => compileSeccomp(twice, numbers, 'x86_64')).toThrow('twice (read)');
  });

  it('that allows nothing: everything is refused', () => {
    const { call } = open('x86_64', { allow: [], refuse: {}, byArgument: [] });
    expect([call('read'), call('execve')]).toEqual([refused('EPERM'), refused('EPERM')]);
  });

  it('with a subtree too long for one jump: still answered rightly', () => {
    const values = Array.from({ length: 64 }, (_, n) => n + 100);
    const condition = { arg: 0, in: values };
    const rule = (name: string, last: number) => ({
      calls: [name],
      why: 'test',
      allowIf: Array.from({ length: 6 }, () => [condition, { arg: 1, in: [last] }]),
      else: 'ENOTTY' as const,
    });
    const { call, program } = open('x86_64', {
      allow: ['read', 'close'],
      refuse: {},
      byArgument: [rule('write', 7), rule('open', 8)],
    });
    expect(program.length / 8).toBeGreaterThan(600);
    expect([call('read'), call('close'), call('stat')]).toEqual([allowed, allowed, refused('EPERM')]);
    for (const [name, last] of [['write', 7] as const, ['open', 8] as const]) {
      expect([call(name, 100, last), call(name, 163, last)]).toEqual([allowed, allowed]);
      expect([call(name, 163, last + 1), call(name, 99, last)]).toEqual([refused('ENOTTY'), refused('ENOTTY')]);
    }
  });
});
