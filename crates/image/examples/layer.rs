//! One layer by hand: `layer unpack FILE DIRECTORY`. For measurements, and for a look at what an archive becomes.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for developers")]

use std::fs::File;
use std::path::Path;

use barque_image::layer;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let start = std::time::Instant::now();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
        ["unpack", archive, directory] => {
            std::fs::create_dir(directory).unwrap();
            let file = File::open(archive).unwrap();
            let done = layer::unpack(file, Path::new(directory), &layer::Options::default()).unwrap();
            println!("{} entries, {} bytes, {}", done.entries, done.size, done.diff_id);
        }
        _ => println!("layer unpack FILE DIRECTORY"),
    }
    println!("{:?}", start.elapsed());
}
