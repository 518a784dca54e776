//! The Settings service as a process.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    runtime::run_or(
        "settings",
        settings::ABOUT,
        std::env::args_os(),
        settings::errands(),
        settings::start,
    )
}
