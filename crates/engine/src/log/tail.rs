//! Where the last lines of a file begin.

use std::os::fd::OwnedFd;

use memchr::memrchr;
use rustix::io::Errno;

const BLOCK: usize = 64 * 1024;

/// The offset at which the last `count` whole lines of the first `size` bytes begin, and how many there are not.
pub(super) fn last_lines(file: &OwnedFd, size: u64, count: u64) -> Result<(u64, u64), Errno> {
    let mut block = vec![0; BLOCK];
    let mut wanted = count;
    let mut end = size;
    // The newline before a line is where it begins; the last one ends the last line.
    let mut last_seen = false;
    while end > 0 {
        let start = end.saturating_sub(BLOCK as u64);
        let length = usize::try_from(end - start).unwrap_or(BLOCK);
        read_exact(file, &mut block[..length], start)?;
        let mut unseen = &block[..length];
        while let Some(at) = memrchr(b'\n', unseen) {
            if last_seen && wanted > 0 {
                wanted -= 1;
            }
            last_seen = true;
            if wanted == 0 {
                return Ok((start + at as u64 + 1, 0));
            }
            unseen = &unseen[..at];
        }
        end = start;
    }
    // The first line begins without one.
    Ok((0, if last_seen { wanted - 1 } else { wanted }))
}

fn read_exact(file: &OwnedFd, mut buffer: &mut [u8], mut offset: u64) -> Result<(), Errno> {
    while !buffer.is_empty() {
        match rustix::io::pread(file, &mut *buffer, offset) {
            // It was cut meanwhile.
            Ok(0) => {
                buffer.fill(b' ');
                return Ok(());
            }
            Ok(count) => {
                buffer = &mut buffer[count..];
                offset += count as u64;
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(text: &[u8], count: u64) -> (u64, u64) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        std::fs::write(&path, text).unwrap();
        last_lines(&std::fs::File::open(&path).unwrap().into(), text.len() as u64, count).unwrap()
    }

    #[test]
    fn small_files() {
        for (text, count, expected) in [
            (&b"a\nb\nc\n"[..], 1, (4, 0)),
            (b"a\nb\nc\n", 2, (2, 0)),
            (b"a\nb\nc\n", 3, (0, 0)),
            (b"a\nb\nc\n", 5, (0, 2)),
            (b"a\nb\nc\n", 0, (6, 0)),
            (b"a\nb\ntorn", 1, (2, 0)),
            (b"", 3, (0, 3)),
            (b"torn", 1, (0, 1)),
            (b"\n\n", 1, (1, 0)),
        ] {
            assert_eq!(tail(text, count), expected, "{text:?} {count}");
        }
    }

    #[test]
    fn across_blocks() {
        let line = [vec![b'x'; 99], b"\n".to_vec()].concat();
        let text = line.repeat(3000);
        for count in [1, 655, 656, 1311, 2999] {
            assert_eq!(tail(&text, count), (text.len() as u64 - 100 * count, 0));
        }
        assert_eq!(tail(&text, 3001), (0, 1));
    }
}
