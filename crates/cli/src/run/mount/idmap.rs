//! The `idmap` option of a bind mount: `uids=0-1000-10#10-2000-5;gids=0-1000-1`, as Podman writes it.

use barque_runtime::spec::IdMapping;

/// User ids and group ids.
pub(super) type Mappings = (Vec<IdMapping>, Vec<IdMapping>);

/// The mappings; an empty text means those of the container's user namespace.
pub(super) fn mappings(text: &str) -> Result<Mappings, String> {
    let (mut uids, mut gids) = (Vec::new(), Vec::new());
    for part in text.split(';').filter(|part| !part.is_empty()) {
        let (list, ranges) = match part.split_once('=') {
            Some(("uids", ranges)) => (&mut uids, ranges),
            Some(("gids", ranges)) => (&mut gids, ranges),
            _ => return Err(format!("invalid idmap {part:?}: write uids=MOUNT-HOST-SIZE[#…][;gids=…]")),
        };
        for range in ranges.split('#') {
            list.push(mapping(range).ok_or_else(|| {
                format!("invalid idmap range {range:?}: write MOUNT-HOST-SIZE, three numbers")
            })?);
        }
    }
    match (uids.is_empty(), gids.is_empty()) {
        (true, false) => uids.clone_from(&gids),
        (false, true) => gids.clone_from(&uids),
        _ => {}
    }
    Ok((uids, gids))
}

fn mapping(text: &str) -> Option<IdMapping> {
    let mut numbers = text.split('-').map(|number| number.parse().ok());
    let (container_id, host_id, size) = (numbers.next()??, numbers.next()??, numbers.next()??);
    (numbers.next().is_none() && size > 0).then_some(IdMapping { container_id, host_id, size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_podmans_form() {
        let m = |container_id, host_id, size| IdMapping { container_id, host_id, size };
        assert_eq!(mappings(""), Ok((vec![], vec![])));
        assert_eq!(
            mappings("uids=0-1000-10#10-5-1;gids=0-7-1"),
            Ok((vec![m(0, 1000, 10), m(10, 5, 1)], vec![m(0, 7, 1)]))
        );
        assert_eq!(mappings("uids=0-1-1"), Ok((vec![m(0, 1, 1)], vec![m(0, 1, 1)])));
        for text in ["x=1-2-3", "uids=1-2", "uids=1-2-0", "uids=a-b-c", "uids=1-2-3-4"] {
            assert!(mappings(text).is_err(), "{text}");
        }
    }
}
