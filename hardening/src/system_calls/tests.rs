#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

use std::collections::BTreeSet;

use seccompiler::{BpfProgram, sock_filter};
use serde_json::Value;

use super::{TABLE, compile, from_text, to_text};

const ALLOW: u32 = 0x7fff_0000;
const KILL: u32 = 0x8000_0000;
const ENOSYS: u32 = 0x0005_0026;
/// `AUDIT_ARCH_X86_64`, that of 32-bit programs, and that of another processor.
const X86_64: u32 = 0xc000_003e;
const I386: u32 = 0x4000_0003;
const AARCH64: u32 = 0xc000_00b7;

/// What the kernel would answer: each filter run on a `struct seccomp_data`, the strictest result taken (seccomp(2)).
fn verdict(filters: &[BpfProgram], arch: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let mut data = Vec::new();
    data.extend(number.to_le_bytes());
    data.extend(arch.to_le_bytes());
    data.extend([0; 8]);
    arguments.iter().for_each(|a| data.extend(a.to_le_bytes()));
    let results = filters.iter().map(|filter| run(filter, &data));
    // As signed numbers: kill is below errno is below allow.
    results.min_by_key(|r| *r as i32).unwrap()
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
    verdict(&compile(None).unwrap(), X86_64, number, arguments)
}

/// Numbers of the table's calls on x86-64, so that this test does not take the compiler's word for them.
const NUMBERS: &[(&str, u32)] = &[
    ("write", 1),
    ("close", 3),
    ("mmap", 9),
    ("mprotect", 10),
    ("munmap", 11),
    ("brk", 12),
    ("rt_sigaction", 13),
    ("rt_sigprocmask", 14),
    ("rt_sigreturn", 15),
    ("pread64", 17),
    ("pwrite64", 18),
    ("writev", 20),
    ("sched_yield", 24),
    ("mremap", 25),
    ("madvise", 28),
    ("getpid", 39),
    ("sendto", 44),
    ("recvfrom", 45),
    ("shutdown", 48),
    ("socketpair", 53),
    ("setsockopt", 54),
    ("clone", 56),
    ("exit", 60),
    ("fcntl", 72),
    ("flock", 73),
    ("fdatasync", 75),
    ("ftruncate", 77),
    ("sigaltstack", 131),
    ("statfs", 137),
    ("prctl", 157),
    ("gettid", 186),
    ("futex", 202),
    ("sched_getaffinity", 204),
    ("restart_syscall", 219),
    ("clock_gettime", 228),
    ("clock_nanosleep", 230),
    ("exit_group", 231),
    ("epoll_wait", 232),
    ("epoll_ctl", 233),
    ("tgkill", 234),
    ("openat", 257),
    ("set_robust_list", 273),
    ("accept4", 288),
    ("eventfd2", 290),
    ("epoll_create1", 291),
    ("getrandom", 318),
    ("statx", 332),
    ("rseq", 334),
    ("clone3", 435),
];

#[test]
fn no_number_but_those_of_the_table_passes() {
    let table: Value = serde_json::from_str(TABLE).unwrap();
    let entries = table["allow"]["filter"].as_array().unwrap();
    let listed: BTreeSet<u32> = entries
        .iter()
        .map(|entry| {
            let name = entry["syscall"].as_str().unwrap();
            let found = NUMBERS.iter().find(|(known, _)| *known == name);
            found
                .unwrap_or_else(|| panic!("`{name}` has no number here"))
                .1
        })
        .collect();
    assert_eq!(listed.len(), NUMBERS.len());
    let filters = compile(None).unwrap();
    // Far above the last one (471 in Linux 6.18), and around each power of two above that.
    let high = (11..32).flat_map(|bit| (1_u32 << bit) - 2..=(1_u32 << bit) + 512);
    for number in (0..4096).chain(high).filter(|n| !listed.contains(n)) {
        for arguments in [[0; 6], [u64::MAX; 6], [1; 6]] {
            assert_eq!(
                verdict(&filters, X86_64, number, arguments),
                KILL,
                "{number}"
            );
        }
    }
}

#[test]
fn no_other_calling_convention_passes() {
    let filters = compile(None).unwrap();
    for arch in [I386, AARCH64, 0] {
        for number in 0..1024 {
            assert_eq!(verdict(&filters, arch, number, [0; 6]), KILL);
        }
    }
    // The x32 convention marks its numbers with bit 30.
    for number in 0..1024 {
        assert_eq!(verdict(&filters, X86_64, 1 << 30 | number, [0; 6]), KILL);
    }
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
    // memfd_create, memfd_secret
    for number in [319, 447] {
        assert_eq!(answer(number, [0; 6]), KILL);
    }
}

#[test]
fn no_socket_is_opened() {
    // socket, connect, bind, listen
    for number in [41, 42, 49, 50] {
        assert_eq!(answer(number, [2, 1, 0, 0, 0, 0]), KILL, "{number}");
    }
    // sendto on what is connected, and to an address; sendmsg and sendmmsg, whose address lies in memory
    assert_eq!(answer(44, [9, 4096, 7, 0x4000, 0, 0]), ALLOW);
    for address in [1, 0x7fff_0000_1000, 1 << 32] {
        assert_eq!(answer(44, [9, 4096, 7, 0, address, 16]), KILL);
    }
    for number in [46, 307] {
        assert_eq!(answer(number, [0; 6]), KILL, "{number}");
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
    // prlimit64 with a new limit, setrlimit, sched_setscheduler
    for number in [302, 160, 144] {
        assert_eq!(answer(number, [0, 3, 1 << 33, 1, 0, 0]), KILL);
    }
    // prctl: PR_SET_NAME, PR_SET_DUMPABLE, PR_SET_SECCOMP
    assert_eq!(answer(157, [15, 1, 0, 0, 0, 0]), ALLOW);
    assert_eq!(answer(157, [4, 1, 0, 0, 0, 0]), KILL);
    assert_eq!(answer(157, [22, 1, 0, 0, 0, 0]), KILL);
    // ioctl: FIONBIO, TIOCSTI, TIOCLINUX, FS_IOC_SETFLAGS
    for request in [0x5421, 0x5412, 0x541c, 0x4008_6602] {
        assert_eq!(answer(16, [0, request, 0, 0, 0, 0]), KILL);
    }
    // setsockopt: TCP_NODELAY, SO_ATTACH_FILTER, TCP_ULP
    assert_eq!(answer(54, [0, 6, 1, 0, 4, 0]), ALLOW);
    for (level, option) in [(1, 26), (6, 31)] {
        assert_eq!(answer(54, [0, level, option, 0, 4, 0]), KILL);
    }
    // madvise: MADV_DONTNEED, MADV_MERGEABLE
    assert_eq!(answer(28, [0, 4096, 4, 0, 0, 0]), ALLOW);
    assert_eq!(answer(28, [0, 4096, 12, 0, 0, 0]), KILL);
}

#[test]
fn every_rule_says_why() {
    let table: Value = serde_json::from_str(TABLE).unwrap();
    for filter in ["absent", "allow"] {
        for entry in table[filter]["filter"].as_array().unwrap() {
            let why = entry["comment"].as_str().unwrap_or_default();
            assert!(why.len() > 5, "{entry}");
        }
    }
}

#[test]
fn filters_come_back_from_their_text_and_a_malformed_text_is_refused() {
    let filters = compile(None).unwrap();
    let text = to_text(&filters);
    assert_eq!(from_text(&text).unwrap(), filters);
    let last = text.len() - 1;
    for altered in [
        "",
        &text[..last],
        &text[..text.find(':').unwrap()],
        &format!("{text}0"),
        &format!("{text}:"),
        &format!("{text}:{text}"),
        &format!("{}g", &text[..last]),
        &text.replacen("00", "+0", 1),
    ] {
        assert!(from_text(altered).is_err(), "{altered}");
    }
}
