//! Which system calls are trapped.

use std::io;

use libc::{
    BPF_ABS, BPF_JEQ, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_MODE_FILTER, SECCOMP_RET_ALLOW, SECCOMP_RET_TRAP, c_long,
    sock_filter, sock_fprog,
};

use super::calls::PASS;

/// Those that change files, whatever they are called with.
const TRAPPED: [c_long; 29] = [
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_sync_file_range,
    libc::SYS_truncate,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_rmdir,
    libc::SYS_mkdir,
    libc::SYS_mkdirat,
    libc::SYS_link,
    libc::SYS_linkat,
    libc::SYS_symlink,
    libc::SYS_symlinkat,
    libc::SYS_creat,
    libc::SYS_openat2,
    libc::SYS_sendfile,
    libc::SYS_copy_file_range,
    libc::SYS_splice,
    libc::SYS_vmsplice,
];

/// Opening a file changes something only with one of these.
const OPENS: u32 = (libc::O_CREAT | libc::O_TRUNC) as u32;

/// Offsets in `seccomp_data`.
const NUMBER: u32 = 0;
const fn argument(index: u32) -> u32 {
    16 + 8 * index
}

pub(super) fn install() -> io::Result<()> {
    let mut program = program();
    let filter = sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the kernel copies the filter, which lives until then.
    let installed = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &raw const filter) == 0
    };
    if installed { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn program() -> Vec<sock_filter> {
    let load = |at: u32| step(BPF_LD | BPF_W | BPF_ABS, at, 0, 0);
    let skip_unless = |value: u32, steps: u8| step(BPF_JMP | BPF_JEQ | BPF_K, value, 0, steps);
    let give = |answer: u32| step(BPF_RET | BPF_K, answer, 0, 0);
    // What the handler itself does.
    let mut program = vec![load(argument(5)), skip_unless(PASS as u32, 1), give(SECCOMP_RET_ALLOW), load(NUMBER)];
    for number in TRAPPED {
        program.extend([skip_unless(number as u32, 1), give(SECCOMP_RET_TRAP)]);
    }
    for (number, flags) in [(libc::SYS_open, 1), (libc::SYS_openat, 2)] {
        let any = step(BPF_JMP | BPF_JSET | BPF_K, OPENS, 0, 1);
        program.extend([skip_unless(number as u32, 4), load(argument(flags)), any, give(SECCOMP_RET_TRAP), give(SECCOMP_RET_ALLOW)]);
    }
    program.push(give(SECCOMP_RET_ALLOW));
    program
}

fn step(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}
