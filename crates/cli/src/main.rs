//! The `barque` command.
#![no_main]
barque_sys::main!(run);
fn run() -> i32 {
    i32::from(std::env::args_os().len() == 0)
}
