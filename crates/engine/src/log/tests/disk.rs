//! A disk that is full, or not there.

use std::process::Command;

use super::*;

/// A tmpfs of 64 KiB that goes away with it.
struct Small(tempfile::TempDir);

impl Small {
    fn mounted() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: mounting a small tmpfs takes root");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k,nr_inodes=20", "barque-log-test"])
            .arg(directory.path())
            .status()
            .unwrap();
        assert!(mounted.success());
        Some(Self(directory))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0.path()).status().unwrap();
    }
}

#[test]
fn what_a_full_disk_does_not_take_is_counted_and_said() {
    let Some(disk) = Small::mounted() else { return };
    for driver in FORMATS {
        let config = config(driver, &["max-size=-1"]);
        let mut writer = writer(&config, disk.0.path());
        let (path, _) = config.file(disk.0.path()).unwrap();
        number(&mut writer, 0..5000);
        writer.flush(NOW);
        let (lost, why) = writer.lost().unwrap();
        assert_eq!(why, rustix::io::Errno::NOSPC);
        assert!(lost > 1000 && lost < 5000, "{lost}");
        // Only whole records are there.
        let mut before = reader(&config, disk.0.path(), Selection::default());
        let kept = texts(&mut before);
        assert_eq!((kept.len() as u64 + lost, before.damaged()), (5000, 0));
        assert_eq!(kept, numbered(0..u32::try_from(kept.len()).unwrap()));
        // Room again.
        let text = std::fs::read(&path).unwrap();
        std::fs::write(&path, text.split_inclusive(|byte| *byte == b'\n').next().unwrap()).unwrap();
        number(&mut writer, 5000..5002);
        writer.finish(NOW);
        let note = format!("[barque: {lost} lines of the log were lost: no space left on device]");
        let found = texts(&mut reader(&config, disk.0.path(), Selection::default()));
        assert_eq!(found, ["line 0", &note, "line 5000", "line 5001"]);
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_log_that_cannot_be_opened_ends_nothing() {
    let container = tempfile::tempdir().unwrap();
    let config = config("json-file", &[]);
    // A file where its directory should be.
    std::fs::write(container.path().join("log"), "").unwrap();
    let mut writer = writer(&config, container.path());
    number(&mut writer, 0..3);
    writer.flush(NOW);
    assert_eq!(writer.lost(), Some((3, rustix::io::Errno::NOTDIR)));
    std::fs::remove_file(container.path().join("log")).unwrap();
    number(&mut writer, 3..4);
    writer.finish(NOW);
    let found = texts(&mut reader(&config, container.path(), Selection::default()));
    assert_eq!((found.len(), found[1].as_str()), (2, "line 3"));
    assert!(found[0].starts_with("[barque: 3 lines of the log were lost"), "{}", found[0]);
}
