//! The `thawline` program.

/// Training frees and takes the same large buffers at every step; with what [`thawline::program::run`] sets for it this allocator keeps them
/// for a while instead of handing them back to the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    thawline::program::run(thawline::program::Program::default())
}
