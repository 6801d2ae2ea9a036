//! Paths of archives, as bytes.

/// A path below the root, without empty components, `.` and `..`. What leads out of the root stays at it, as it would with
/// the directory as `/`.
pub(super) fn clean(path: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(path.len());
    append(&mut clean, path);
    clean
}

/// Goes on from a clean path along another one, which a symbolic link has given.
pub(super) fn follow(directory: &[u8], link: &[u8]) -> Vec<u8> {
    let mut path = if link.starts_with(b"/") { Vec::new() } else { directory.to_vec() };
    append(&mut path, link);
    path
}

fn append(path: &mut Vec<u8>, more: &[u8]) {
    for component in more.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => path.truncate(split(path).0.len()),
            _ => {
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(component);
            }
        }
    }
}

/// The parent and the last component of a clean path.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

/// A component below a clean path.
pub(super) fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(directory.len() + 1 + name.len());
    path.extend_from_slice(directory);
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// Whether a clean path is the other one or below it.
pub(super) fn is_within(path: &[u8], directory: &[u8]) -> bool {
    directory.is_empty()
        || path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// For messages.
pub(super) fn shown(path: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_at_the_root() {
        for (path, expected) in [
            ("./a//b/", "a/b"),
            ("/etc/x", "etc/x"),
            ("./", ""),
            ("..", ""),
            ("a/../../b", "b"),
            ("../../x", "x"),
            ("a/b/../c", "a/c"),
        ] {
            assert_eq!(clean(path.as_bytes()), expected.as_bytes(), "{path}");
        }
        assert_eq!(follow(b"a/b", b"../c"), b"a/c");
        assert_eq!(follow(b"a/b", b"/c"), b"c");
        assert_eq!(follow(b"a", b"../../.."), b"");
    }

    #[test]
    fn within() {
        for (path, directory, expected) in
            [("a/b", "a", true), ("a", "a", true), ("ab", "a", false), ("x", "", true)]
        {
            assert_eq!(is_within(path.as_bytes(), directory.as_bytes()), expected, "{path} {directory}");
        }
    }
}
