//! The one binary.

use std::process::ExitCode;

use secret::WipingAllocator;

/// Every byte of the heap that held a secret is wiped when it is freed, whoever freed it.
#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator::system();

fn main() -> ExitCode {
    strongroom::run(std::env::args_os().collect())
}
