//! Addresses lent to containers: one file each, named by the address. That is the whole allocator.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::definition::Pool;
use crate::owner::Owner;
use crate::reserve::{Draft, Reservations};
use crate::{Error, ErrorKind, Result};

/// What a lease's file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The address.
    pub address: IpAddr,
    /// Who has it.
    pub owner: Owner,
}

/// What is written before the address is known; the file's name tells that.
#[derive(Debug, Serialize, Deserialize)]
struct Text {
    owner: Owner,
}

/// The leases of a network.
#[derive(Debug)]
pub struct Leases {
    files: Reservations,
}

impl Leases {
    /// Those below a network's directory.
    pub(crate) fn of(network: &Path) -> Self {
        Self { files: Reservations::new(network.join("leases")) }
    }

    /// All of them, sorted by address.
    pub fn list(&self) -> Vec<Lease> {
        let lease = |name: String| {
            let address = name.parse().ok()?;
            let text: Text = self.files.read(&name)?;
            Some(Lease { address, owner: text.owner })
        };
        let mut all: Vec<_> = self.files.names().into_iter().filter_map(lease).collect();
        all.sort_by_key(|lease| lease.address);
        all
    }

    /// Lends an address of a pool: the wanted one, or the lowest that is free.
    pub fn take(
        &self,
        pool: &Pool,
        wanted: Option<IpAddr>,
        owner: &Owner,
        has_link: &dyn Fn(&str) -> bool,
    ) -> Result<IpAddr> {
        let draft = self
            .files
            .draft(&format!("{}-{}", owner.pid, owner.container), &Text { owner: owner.clone() })?;
        let try_once = || match wanted {
            Some(address) => Ok(draft.take(&address.to_string())?.then_some(address)),
            None => self.lowest(pool, &draft),
        };
        if let Some(address) = wanted.filter(|address| !pool.may_lend(*address)) {
            return Err(Error::invalid(format!(
                "{address} is not an address of {} for containers",
                pool.subnet
            )));
        }
        if let Some(address) = try_once()? {
            return Ok(address);
        }
        // Taken or full: but perhaps by containers that are gone.
        self.reap(has_link)?;
        match (try_once()?, wanted) {
            (Some(address), _) => Ok(address),
            (None, Some(address)) => Err(self.taken(address)),
            (None, None) => Err(Error::new(
                ErrorKind::Unavailable,
                format!("no address left in {}", pool.range.unwrap_or(pool.subnet)),
            )
            .hint("end a container of the network, or make a network with a larger subnet")),
        }
    }

    /// The address that [`Leases::take`] would lend now.
    pub fn peek(&self, pool: &Pool, wanted: Option<IpAddr>) -> Option<IpAddr> {
        let taken: HashSet<String> = self.files.names().into_iter().collect();
        wanted.or_else(|| pool.candidates().find(|address| !taken.contains(&address.to_string())))
    }

    fn lowest(&self, pool: &Pool, draft: &Draft<'_>) -> Result<Option<IpAddr>> {
        let taken: HashSet<IpAddr> =
            self.files.names().into_iter().filter_map(|name| name.parse().ok()).collect();
        for address in pool.candidates().filter(|address| !taken.contains(address)) {
            if draft.take(&address.to_string())? {
                return Ok(Some(address));
            }
        }
        Ok(None)
    }

    fn taken(&self, address: IpAddr) -> Error {
        let who = self.files.read::<Text>(&address.to_string());
        let who = who.map(|text| format!(" by container {}", short(&text.owner.container)));
        Error::new(ErrorKind::Conflict, format!("address {address} is taken{}", who.unwrap_or_default()))
    }

    /// Gives back what a container has.
    pub fn release(&self, container: &str, addresses: &[IpAddr]) -> Result<()> {
        let names: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
        self.files.remove_if(&names, |text: &Text| text.owner.container == container).map(drop)
    }

    /// Takes back the addresses of containers that are gone.
    pub fn reap(&self, has_link: &dyn Fn(&str) -> bool) -> Result<()> {
        self.files.remove_if(&self.files.names(), |text: &Text| !text.owner.is_alive(has_link)).map(drop)
    }

    /// Writes that the container's own process is what tells whether it lives.
    pub(crate) fn hand_over(&self, addresses: &[IpAddr], owner: &Owner) -> Result<()> {
        for address in addresses {
            let text = serde_json::to_vec(&Text { owner: owner.clone() }).unwrap_or_default();
            let directory = barque_sys::file::open(self.files.directory(), barque_sys::file::DIRECTORY)?;
            barque_sys::file::replace(&directory, &address.to_string(), &text)?;
        }
        Ok(())
    }
}

/// As people see ids.
pub(crate) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Subnet;

    fn pool(text: &str) -> Pool {
        Pool::new(Subnet::parse(text).unwrap()).unwrap()
    }

    fn own(container: &str) -> Owner {
        Owner::new(container, "", std::process::id().cast_signed()).unwrap()
    }

    #[test]
    fn lends_the_lowest_and_says_when_it_is_full() {
        let directory = tempfile::tempdir().unwrap();
        let leases = Leases::of(directory.path());
        let small = pool("10.0.0.0/29");
        let take = |container: &str, wanted: Option<&str>| {
            leases.take(&small, wanted.map(|text| text.parse().unwrap()), &own(container), &|_| false)
        };
        assert_eq!(take("a", None).unwrap().to_string(), "10.0.0.2");
        assert_eq!(take("b", Some("10.0.0.4")).unwrap().to_string(), "10.0.0.4");
        let error = take("c", Some("10.0.0.4")).unwrap_err().to_string();
        assert_eq!(error, "address 10.0.0.4 is taken by container b");
        assert!(
            take("c", Some("10.0.0.1")).unwrap_err().to_string().contains("for containers"),
            "the gateway"
        );
        for expected in ["10.0.0.3", "10.0.0.5", "10.0.0.6"] {
            assert_eq!(take("c", None).unwrap().to_string(), expected);
        }
        assert_eq!(take("d", None).unwrap_err().to_string(), "no address left in 10.0.0.0/29");
        leases.release("a", &["10.0.0.2".parse().unwrap(), "10.0.0.4".parse().unwrap()]).unwrap();
        assert_eq!(leases.list().len(), 4, "another's is not released");
        assert_eq!(take("d", None).unwrap().to_string(), "10.0.0.2");
        assert!(std::fs::read_dir(directory.path().join("leases")).unwrap().count() == 5, "no draft is left");
    }

    #[test]
    fn leases_of_the_dead_come_back() {
        let directory = tempfile::tempdir().unwrap();
        let leases = Leases::of(directory.path());
        let small = pool("10.0.0.0/30");
        let dead = Owner { start_time: 1, interface: "bq1".to_owned(), ..own("a") };
        let take = |owner: &Owner, link: bool| leases.take(&small, None, owner, &|_| link);
        assert_eq!(take(&dead, true).unwrap().to_string(), "10.0.0.2");
        assert!(take(&own("b"), true).is_err(), "its device is there");
        assert_eq!(take(&own("b"), false).unwrap().to_string(), "10.0.0.2");
        assert!(take(&own("c"), false).is_err(), "b lives");
    }

    #[test]
    fn a_thousand_at_once_get_a_thousand() {
        let directory = tempfile::tempdir().unwrap();
        let wide = pool("10.0.0.0/16");
        let threads: Vec<_> = (0..20)
            .map(|thread| {
                let (leases, pool) = (Leases::of(directory.path()), wide.clone());
                std::thread::spawn(move || {
                    let take = |number| {
                        leases.take(&pool, None, &own(&format!("c{thread}-{number}")), &|_| false).unwrap()
                    };
                    (0..50).map(take).collect::<Vec<_>>()
                })
            })
            .collect();
        let all: HashSet<IpAddr> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(all.len(), 1000);
        assert_eq!(Leases::of(directory.path()).list().len(), 1000);
    }
}
