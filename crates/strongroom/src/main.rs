//! The one binary.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use secret::WipingAllocator;

/// Every byte of the heap that held a secret is wiped when it is freed, whoever freed it.
#[global_allocator]
static ALLOCATOR: WipingAllocator<MiMalloc> = WipingAllocator::over(MiMalloc);

fn main() -> ExitCode {
    strongroom::run(std::env::args_os().collect())
}
