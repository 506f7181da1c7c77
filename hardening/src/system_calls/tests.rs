#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

use seccompiler::sock_filter;

use super::{ORDER, compile};

const ALLOW: u32 = 0x7fff_0000;
const KILL: u32 = 0x8000_0000;
const EPERM: u32 = 0x0005_0001;
const ENOSYS: u32 = 0x0005_0026;
/// `AUDIT_ARCH_X86_64`, and that of 32-bit programs.
const X86_64: u32 = 0xc000_003e;
const I386: u32 = 0x4000_0003;

/// What the kernel would answer: each filter run on a `struct seccomp_data`, the strictest result taken (seccomp(2)).
fn verdict(arch: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let mut data = Vec::new();
    data.extend(number.to_le_bytes());
    data.extend(arch.to_le_bytes());
    data.extend([0; 8]);
    arguments.iter().for_each(|a| data.extend(a.to_le_bytes()));
    let filters = compile().unwrap();
    let results = ORDER.map(|name| run(&filters[name], &data));
    // As signed numbers: kill is below errno is below allow.
    results.into_iter().min_by_key(|r| *r as i32).unwrap()
}

/// The classic BPF instructions that occur (kernel documentation, "Linux Socket Filtering").
fn run(program: &[sock_filter], data: &[u8]) -> u32 {
    let (mut at, mut a) = (0, 0_u32);
    loop {
        let i = &program[at];
        at += 1;
        let skip = |yes: bool| usize::from(if yes { i.jt } else { i.jf });
        match i.code {
            0x20 => {
                let k = i.k as usize;
                a = u32::from_le_bytes(data[k..k + 4].try_into().unwrap());
            }
            0x54 => a &= i.k,
            0x05 => at += i.k as usize,
            0x15 => at += skip(a == i.k),
            0x25 => at += skip(a > i.k),
            0x35 => at += skip(a >= i.k),
            0x06 => return i.k,
            code => panic!("instruction {code:#x}"),
        }
    }
}

fn answer(number: u32, arguments: [u64; 6]) -> u32 {
    verdict(X86_64, number, arguments)
}

#[test]
fn programs_and_other_processes_are_out_of_reach() {
    // execve, execveat, ptrace, process_vm_readv, process_vm_writev, fork, vfork, pidfd_open, pidfd_getfd
    for number in [59, 322, 101, 310, 311, 57, 58, 434, 438] {
        assert_eq!(answer(number, [0; 6]), KILL, "{number}");
    }
}

#[test]
fn kernel_surface_is_out_of_reach() {
    // bpf, io_uring_setup, userfaultfd, perf_event_open, mount, unshare, setns, keyctl, init_module, kexec_load, open_by_handle_at
    for number in [321, 425, 323, 298, 165, 272, 308, 250, 175, 246, 304] {
        assert_eq!(answer(number, [0; 6]), KILL, "{number}");
    }
}

#[test]
fn no_memory_becomes_executable() {
    const EXEC: u64 = 4;
    // mmap, mprotect
    for number in [9, 10] {
        assert_eq!(answer(number, [0, 4096, 3, 0x22, 0, 0]), ALLOW);
        for prot in [EXEC, EXEC | 1, EXEC | 3, EXEC | (1 << 40)] {
            assert_eq!(answer(number, [0, 4096, prot, 0x22, 0, 0]), KILL);
        }
    }
    // pkey_mprotect, shmat, remap_file_pages
    for number in [329, 30, 216] {
        assert_eq!(answer(number, [0; 6]), KILL);
    }
    // memfd_create
    assert_eq!(answer(319, [0; 6]), EPERM);
}

#[test]
fn no_socket_is_opened() {
    // socket, connect, bind, listen
    for number in [41, 42, 49, 50] {
        assert_eq!(answer(number, [2, 1, 0, 0, 0, 0]), EPERM, "{number}");
    }
    // socketpair: AF_UNIX, AF_INET
    assert_eq!(answer(53, [1, 1, 0, 0, 0, 0]), ALLOW);
    assert_eq!(answer(53, [2, 1, 0, 0, 0, 0]), KILL);
}

#[test]
fn clone_makes_threads_only() {
    assert_eq!(answer(56, [0x003d_0f00, 0, 0, 0, 0, 0]), ALLOW);
    // A process, and a thread in a user namespace of its own.
    for flags in [17, 0x4111, 0x003d_0f00 | 0x1000_0000] {
        assert_eq!(answer(56, [flags, 0, 0, 0, 0, 0]), KILL);
    }
    assert_eq!(answer(435, [0; 6]), ENOSYS);
}

#[test]
fn limits_and_process_options_stay() {
    // prlimit64 without and with a new limit
    assert_eq!(answer(302, [0, 3, 0, 1, 0, 0]), ALLOW);
    assert_eq!(answer(302, [0, 3, 1 << 33, 1, 0, 0]), EPERM);
    // prctl: PR_SET_NAME, PR_SET_DUMPABLE, PR_SET_SECCOMP
    assert_eq!(answer(157, [15, 1, 0, 0, 0, 0]), ALLOW);
    assert_eq!(answer(157, [4, 1, 0, 0, 0, 0]), EPERM);
    assert_eq!(answer(157, [22, 1, 0, 0, 0, 0]), EPERM);
    // ioctl: FIONBIO, TIOCSTI
    assert_eq!(answer(16, [0, 0x5421, 0, 0, 0, 0]), ALLOW);
    assert_eq!(answer(16, [0, 0x5412, 0, 0, 0, 0]), KILL);
}

#[test]
fn other_calling_conventions_are_out_of_reach() {
    assert_eq!(verdict(I386, 3, [0; 6]), KILL);
    // The x32 convention marks its numbers with bit 30.
    assert_eq!(answer(0x4000_0000, [0; 6]), KILL);
}

#[test]
fn every_rule_says_why() {
    let filters = compile().unwrap();
    assert_eq!(filters.len(), ORDER.len());
    let rules = super::TABLE.lines().filter(|l| l.contains("\"syscall\""));
    for rule in rules {
        assert!(rule.contains("\"comment\": \""), "{rule}");
    }
}
