//! Owners of files as the container numbers them, and as the disk has them.

use barque_runtime::spec::{IdMapping, Spec};

/// How a container's ids are the disk's.
#[derive(Debug, Clone, Default)]
pub(super) struct Owners {
    uids: Vec<(u32, u32, u32)>,
    gids: Vec<(u32, u32, u32)>,
}

impl Owners {
    /// Those of a container, seen from outside of its user namespace.
    pub(super) fn of(spec: &Spec<'_>) -> Self {
        let map = |mappings: &[IdMapping]| {
            mappings.iter().map(|map| (map.container_id, map.host_id, map.size)).collect()
        };
        let linux = spec.linux.as_ref();
        linux.map_or_else(Self::default, |linux| Self {
            uids: map(&linux.uid_mappings),
            gids: map(&linux.gid_mappings),
        })
    }

    /// What the disk calls an owner of the container's.
    pub(super) fn on_disk(&self, (uid, gid): (u32, u32)) -> (u32, u32) {
        let find = |maps: &[(u32, u32, u32)], id: u32| {
            maps.iter()
                .find_map(|(inside, outside, size)| offset(id, *inside, *size).map(|at| outside + at))
                .unwrap_or(id)
        };
        (find(&self.uids, uid), find(&self.gids, gid))
    }

    /// What the container calls an owner of the disk's. An owner of a lower layer is what it is: such layers are shown to
    /// the container with its ids.
    pub(super) fn inside(&self, (uid, gid): (u32, u32)) -> (u32, u32) {
        let find = |maps: &[(u32, u32, u32)], id: u32| {
            maps.iter()
                .find_map(|(inside, outside, size)| offset(id, *outside, *size).map(|at| inside + at))
                .unwrap_or(id)
        };
        (find(&self.uids, uid), find(&self.gids, gid))
    }
}

/// Where in a range an id is.
fn offset(id: u32, first: u32, size: u32) -> Option<u32> {
    id.checked_sub(first).filter(|at| *at < size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let owners =
            Owners { uids: vec![(0, 100_000, 1000)], gids: vec![(0, 200_000, 10), (10, 300_000, 10)] };
        for (inside, disk) in [((0, 0), (100_000, 200_000)), ((999, 12), (100_999, 300_002))] {
            assert_eq!(owners.on_disk(inside), disk);
            assert_eq!(owners.inside(disk), inside);
        }
        assert_eq!(owners.inside((5, 5)), (5, 5), "a lower layer's");
        assert_eq!(Owners::default().on_disk((7, 8)), (7, 8));
    }
}
