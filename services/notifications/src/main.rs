//! The Notifications service as a process.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    runtime::run_or(
        "notifications",
        notifications::ABOUT,
        std::env::args_os(),
        notifications::errands(),
        notifications::start,
    )
}
