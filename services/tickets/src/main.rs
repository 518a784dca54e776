//! The Tickets service as a process.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    runtime::run_or(
        "tickets",
        tickets::ABOUT,
        std::env::args_os(),
        tickets::errands(),
        tickets::start,
    )
}
