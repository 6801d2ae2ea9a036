//! Operations, done: what goes to one socket together goes in one send.

use std::collections::HashMap;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::path::Path;

use barque_sys::nftables::{Batch, Nftables};
use barque_sys::rtnetlink::{Address, Change, Link, LinkKind, Route, Rtnetlink};
use rustix::io::Errno;

use crate::definition::Driver;
use crate::plan::{Cable, Op, Subinterface};
use crate::ruleset::{self, Entry, SetName, TABLE};
use crate::{Context as _, Error, ErrorKind, Result};

/// Does operations; those inside of a container in its network namespace.
pub fn execute(ops: &[Op], namespace: Option<BorrowedFd<'_>>) -> Result<()> {
    let mut execution = Execution { namespace, ..Execution::default() };
    for op in ops {
        execution.step(op)?;
    }
    execution.finish()
}

/// Takes operations back, in reverse; goes on after failures: what is gone already needs no removal.
pub fn undo(ops: &[Op]) {
    for op in ops.iter().rev() {
        drop(undo_one(op));
    }
}

fn undo_one(op: &Op) -> Result<()> {
    match op {
        Op::AddElement { set, entry } => delete_elements(&[(*set, entry.clone())]).map(drop),
        Op::AddTable => Ok(Nftables::open()?.delete_table(TABLE).map(drop)?),
        Op::AddBridge { name, .. } => delete_link(name),
        Op::AddCable(Cable { host, .. }) => delete_link(host),
        // They end with their device, or the container's network namespace; forwarding others may rely on by now.
        Op::SetSysctl { .. }
        | Op::AddBridgeAddress { .. }
        | Op::SetBridgeUp(_)
        | Op::AddSubinterface(_)
        | Op::AddAddress { .. }
        | Op::AddDefaultRoute { .. } => Ok(()),
    }
}

/// Removes elements; those that are gone already do not keep the others.
/// The socket is returned because it takes long to close, see [`Unclosed`].
///
/// [`Unclosed`]: crate::Unclosed
pub(crate) fn delete_elements(entries: &[(SetName, Entry)]) -> Result<Nftables> {
    let nftables = Nftables::open()?;
    let delete = |entries: &[(SetName, Entry)]| {
        let mut batch = Batch::default();
        for (set, entry) in entries {
            batch.delete_elements(TABLE, set.name(), &keys(entry));
        }
        match nftables.commit(batch) {
            Err(error) if error.errno() == Errno::NOENT => Ok(false),
            result => result.map(|()| true),
        }
    };
    if !delete(entries)? {
        for entry in entries {
            delete(std::slice::from_ref(entry))?;
        }
    }
    Ok(nftables)
}

/// The keys alone: whatever they lead to is removed.
fn keys(entry: &Entry) -> Vec<barque_sys::nftables::Element> {
    let mut elements = entry.elements();
    elements.iter_mut().for_each(|element| element.value.clear());
    elements
}

pub(crate) fn delete_link(name: &str) -> Result<()> {
    let rtnetlink = Rtnetlink::open()?;
    match rtnetlink.link(name)? {
        Some(link) => Ok(rtnetlink.apply(&[Change::DeleteLink(link.index)])?),
        None => Ok(()),
    }
}

#[derive(Debug, Default)]
struct Execution<'a> {
    namespace: Option<BorrowedFd<'a>>,
    rtnetlink: Option<Rtnetlink>,
    indexes: HashMap<String, u32>,
    host: Vec<Change>,
    inside: Vec<Change>,
    /// A socket in the container's network namespace, and the numbers of devices there.
    container: Option<(Rtnetlink, HashMap<String, u32>)>,
    batch: Batch,
    /// Port elements of the batch, which may be in the way of a container that is gone.
    ports: Vec<(SetName, Entry)>,
    others: Vec<(SetName, Entry)>,
}

impl<'a> Execution<'a> {
    fn step(&mut self, op: &Op) -> Result<()> {
        match op {
            Op::SetSysctl { key, value } => {
                self.flush_host()?;
                let path = format!("/proc/sys/{key}");
                barque_sys::file::write_once(Path::new(&path), value)
                    .context(|| format!("setting the kernel parameter {key}"))?;
            }
            Op::AddBridge { name, mac, mtu } => {
                let link = Link { name: name.clone(), mac: Some(*mac), mtu: *mtu, ..Link::default() };
                self.host.push(Change::AddLink(link, LinkKind::Bridge));
                self.flush_host()?;
            }
            Op::AddBridgeAddress { bridge, address, prefix } => {
                let index = self.index(bridge)?;
                self.host.push(Change::AddAddress(Address { index, address: *address, prefix: *prefix }));
            }
            Op::SetBridgeUp(name) => {
                self.flush_host()?;
                self.commit()?;
                let index = self.index(name)?;
                self.host.push(Change::SetUp(index));
            }
            Op::AddTable => ruleset::add_table(&mut self.batch),
            Op::AddElement { set, entry } => match entry {
                Entry::Port { .. } => self.ports.push((*set, entry.clone())),
                _ => self.others.push((*set, entry.clone())),
            },
            Op::AddCable(cable) => self.cable(cable)?,
            Op::AddSubinterface(sub) => self.subinterface(sub)?,
            Op::AddAddress { inside, address, prefix } => {
                let index = self.index_inside(inside)?;
                self.inside.push(Change::AddAddress(Address { index, address: *address, prefix: *prefix }));
            }
            Op::AddDefaultRoute { inside, gateway } => {
                let index = self.index_inside(inside)?;
                let any = if gateway.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
                let gateway = Some(*gateway);
                self.inside.push(Change::AddRoute(Route { index, destination: (any, 0), gateway }));
            }
        }
        Ok(())
    }

    fn cable(&mut self, cable: &Cable) -> Result<()> {
        let bridge = self.index(&cable.bridge)?;
        let inside = Link {
            name: cable.inside.clone(),
            mac: Some(cable.mac),
            mtu: cable.mtu,
            namespace: Some(self.namespace()?.as_raw_fd()),
            ..Link::default()
        };
        let host = Link {
            name: cable.host.clone(),
            bridge: Some(bridge),
            mtu: cable.mtu,
            up: true,
            ..Link::default()
        };
        self.host.push(Change::AddLink(host, LinkKind::Veth(Box::new(inside))));
        if cable.hairpin {
            self.host.push(Change::SetHairpin(cable.host.clone()));
        }
        // Not in the same message: a cable's end cannot be switched on before there is another.
        self.set_up_inside(&cable.inside)
    }

    fn subinterface(&mut self, sub: &Subinterface) -> Result<()> {
        let parent = self.index(&sub.parent)?;
        let kind = match sub.driver {
            Driver::Ipvlan => LinkKind::Ipvlan { parent },
            _ => LinkKind::Macvlan { parent },
        };
        let link = Link {
            name: sub.inside.clone(),
            mac: sub.mac,
            mtu: sub.mtu,
            namespace: Some(self.namespace()?.as_raw_fd()),
            ..Link::default()
        };
        self.host.push(Change::AddLink(link, kind));
        self.flush_host().map_err(|error| match error.kind() {
            ErrorKind::Unsupported => {
                let kind = sub.driver.name();
                error.hint(format!("the kernel has no {kind} (CONFIG_{})", kind.to_uppercase()))
            }
            _ => error,
        })?;
        self.set_up_inside(&sub.inside)
    }

    fn finish(mut self) -> Result<()> {
        self.flush_host()?;
        if let Some((socket, _)) = &self.container {
            socket.apply(&self.inside)?;
        }
        self.commit()
    }

    /// What has come together for our table, as one batch.
    fn commit(&mut self) -> Result<()> {
        let mut batch = std::mem::take(&mut self.batch);
        let (others, ports) = (std::mem::take(&mut self.others), std::mem::take(&mut self.ports));
        for (set, entry) in others.iter().chain(&ports) {
            batch.add_elements(TABLE, set.name(), &entry.elements());
        }
        if batch.is_empty() {
            return Ok(());
        }
        let nftables = Nftables::open()?;
        match nftables.commit(batch) {
            // Whoever had the port is gone, or its file would not be ours: only its element was left.
            Err(error) if matches!(error.errno(), Errno::EXIST | Errno::BUSY) && !ports.is_empty() => {
                drop(delete_elements(&ports)?);
                let mut batch = Batch::default();
                for (set, entry) in &ports {
                    batch.add_elements(TABLE, set.name(), &entry.elements());
                }
                Ok(nftables.commit(batch)?)
            }
            Err(error) if matches!(error.errno(), Errno::NOENT | Errno::OPNOTSUPP) => Err(Error::from(error)
                .hint("the kernel needs nf_tables with nat, fib and inet support (CONFIG_NFT_NAT, CONFIG_NFT_FIB_INET)")),
            result => Ok(result?),
        }
    }

    fn rtnetlink(&mut self) -> Result<&Rtnetlink> {
        Ok(match &mut self.rtnetlink {
            Some(socket) => socket,
            none => none.insert(Rtnetlink::open()?),
        })
    }

    fn flush_host(&mut self) -> Result<()> {
        let changes = std::mem::take(&mut self.host);
        if !changes.is_empty() {
            self.rtnetlink()?.apply(&changes)?;
        }
        Ok(())
    }

    fn index(&mut self, name: &str) -> Result<u32> {
        if let Some(index) = self.indexes.get(name) {
            return Ok(*index);
        }
        let link = self.rtnetlink()?.link(name)?.ok_or_else(|| missing(name))?;
        self.indexes.insert(name.to_owned(), link.index);
        Ok(link.index)
    }

    fn set_up_inside(&mut self, name: &str) -> Result<()> {
        let index = self.index_inside(name)?;
        self.inside.push(Change::SetUp(index));
        Ok(())
    }

    /// The number of a device in the container, once what puts it there is done. It cannot be chosen beforehand: where
    /// tunnel modules are loaded the kernel puts their devices into every network namespace.
    fn index_inside(&mut self, name: &str) -> Result<u32> {
        self.flush_host()?;
        let namespace = self.namespace()?;
        let (socket, indexes) = match &mut self.container {
            Some(container) => container,
            none => none.insert((Rtnetlink::open_in(namespace)?, HashMap::new())),
        };
        if let Some(index) = indexes.get(name) {
            return Ok(*index);
        }
        let link = socket.link(name)?.ok_or_else(|| missing(name))?;
        indexes.insert(name.to_owned(), link.index);
        Ok(link.index)
    }

    fn namespace(&self) -> Result<BorrowedFd<'a>> {
        self.namespace.ok_or_else(|| Error::new(ErrorKind::Internal, "no network namespace to go into"))
    }
}

fn missing(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("network device {name:?} not found"))
        .hint("ip link shows those there are")
}
