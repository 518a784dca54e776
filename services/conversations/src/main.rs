//! The Conversations service as a process.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    runtime::run_or(
        "conversations",
        conversations::ABOUT,
        std::env::args_os(),
        conversations::errands(),
        conversations::start,
    )
}
