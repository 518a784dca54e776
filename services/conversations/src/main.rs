//! The Conversations service as a process.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    runtime::run("conversations", conversations::ABOUT, conversations::start)
}
