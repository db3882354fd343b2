//! System calls that pass the filter, and what a handler may do about names. Nothing here allocates.

use std::{fs::File, io, os::fd::AsRawFd as _, sync::atomic::AtomicU64};

use libc::{c_int, c_long};

/// In the sixth argument, which none of the calls has: lets the call pass.
pub(super) const PASS: u64 = 0x7468_6177;

/// Names are cut off there, as the kernel's are.
const LONGEST: usize = 4096 + 64;

/// What the call gives, or the error as a negative number, as the kernel does.
pub(super) fn call(number: c_long, arguments: [u64; 5]) -> i64 {
    let [a, b, c, d, e] = arguments;
    // SAFETY: the arguments are those of a call that the program has made, or made here of what lives long enough.
    unsafe {
        let result = libc::syscall(number, a, b, c, d, e, PASS);
        if result == -1 { -i64::from(*libc::__errno_location()) } else { result }
    }
}

/// The counter in `file`, in memory that all processes share.
pub(super) fn shared(file: &File) -> io::Result<&'static AtomicU64> {
    // SAFETY: a new mapping of a file, which is never unmapped.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), 8, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: aligned to a page, never unmapped, and used by atomic operations only.
    Ok(unsafe { &*at.cast::<AtomicU64>() })
}

/// The absolute name of a file.
pub(super) struct Name {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Name {
    const EMPTY: Name = Name { bytes: [0; LONGEST], length: 0 };

    fn push(&mut self, bytes: &[u8]) {
        let end = (self.length + bytes.len()).min(LONGEST);
        self.bytes[self.length..end].copy_from_slice(&bytes[..end - self.length]);
        self.length = end;
    }

    /// Of what `descriptor` is open on; ends with ` (deleted)` when that has no name any more.
    pub(super) fn of_descriptor(descriptor: u64) -> Name {
        let mut link = [0_u8; 40];
        link[..14].copy_from_slice(b"/proc/self/fd/");
        let mut digits = [0_u8; 20];
        let (mut rest, mut first) = (descriptor & 0xffff_ffff, digits.len());
        loop {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        link[14..14 + digits.len() - first].copy_from_slice(&digits[first..]);
        Name::of_link(&link)
    }

    fn of_link(link: &[u8]) -> Name {
        let mut name = Name::EMPTY;
        let read = call(libc::SYS_readlink, [link.as_ptr() as u64, name.bytes.as_mut_ptr() as u64, LONGEST as u64, 0, 0]);
        name.length = usize::try_from(read).unwrap_or(0);
        name
    }

    /// Of the path at `address`, which is relative to the folder `descriptor`.
    pub(super) fn of_path(descriptor: u64, address: u64) -> Name {
        // SAFETY: the program has given this address to the kernel as that of a string. (A null pointer it would refuse, and so would the call here.)
        let path = if address == 0 { &[] } else { unsafe { std::ffi::CStr::from_ptr(address as *const libc::c_char) }.to_bytes() };
        let mut name = Name::EMPTY;
        if !path.starts_with(b"/") {
            name = if descriptor as c_int == libc::AT_FDCWD { Name::of_link(b"/proc/self/cwd\0") } else { Name::of_descriptor(descriptor) };
            name.push(b"/");
        }
        name.push(path);
        name
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let bytes = &self.bytes[..self.length];
        bytes.strip_suffix(b"/").unwrap_or(bytes)
    }

    /// The name below `folder`; empty for `folder` itself.
    pub(super) fn below(&self, folder: &[u8]) -> Option<&[u8]> {
        let rest = self.bytes().strip_prefix(folder)?;
        if rest.is_empty() || rest.starts_with(b"/") { Some(rest.strip_prefix(b"/").unwrap_or(rest)) } else { None }
    }
}
