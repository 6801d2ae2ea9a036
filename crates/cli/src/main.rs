//! The `barque` command.
#![no_main]

barque_sys::main!(run);

fn run() -> i32 {
    barque_cli::main()
}
