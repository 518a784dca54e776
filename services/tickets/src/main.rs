//! The Tickets service as a process.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    runtime::run("tickets", tickets::ABOUT, tickets::start)
}
