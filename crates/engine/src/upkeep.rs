//! What is wrong with containers' records, and what killed commands have left of them: found, and taken away.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use barque_image::store;
use barque_sys::file;

use crate::names::Names;
use crate::start::from_image;
use crate::{Containers, ErrorKind, Places, Result, containers, life, monitor};

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub problem: String,
    /// What was done about it; none where nothing was, or nothing can be.
    pub repair: Option<&'static str>,
}

/// What is younger may be in the middle of being made.
const OLD: Duration = Duration::from_secs(60);

/// What a record that cannot be read is called when it is put aside.
const ASIDE: &str = "damaged-";

/// Looks at all containers, and repairs what can be.
pub fn check(places: &Places, repair: bool) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    records(places, repair, &mut found)?;
    for id in life::leftovers(places, OLD, repair)? {
        let problem = format!("container {id}: its making or its removal was cut short");
        found.push(Finding { problem, repair: repair.then_some("removed") });
    }
    // After these: a container that has just gone leaves its name and its image.
    names(places, repair, &mut found)?;
    uses(places, repair, &mut found)?;
    runs(places, repair, &mut found)?;
    Ok(found)
}

/// Records that cannot be read, and runs whose monitor was killed.
fn records(places: &Places, repair: bool, found: &mut Vec<Finding>) -> Result<()> {
    for id in Containers::new(places.clone()).ids()? {
        let container = match crate::Container::open(places, &id) {
            Ok(container) => container,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                let repair = if repair { put_aside(places, &id)? } else { None };
                found.push(Finding { problem: error.to_string(), repair });
                continue;
            }
        };
        match container.now() {
            Ok(now) if !now.remains => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                found.push(Finding {
                    problem: format!("container {}: {error}", container.name()),
                    repair: None,
                });
            }
            Ok(_) => {
                let done = repair.then(|| {
                    let (container, lock) = container.lock()?;
                    life::reap(&container, &lock)
                });
                done.transpose()?;
                let name = container.name();
                let problem =
                    format!("container {name}: its monitor was killed, and what its run has made is left");
                found.push(Finding { problem, repair: repair.then_some("removed") });
            }
        }
    }
    Ok(())
}

/// Keeps what a container has written, out of everybody's way. One that runs is left alone.
fn put_aside(places: &Places, id: &str) -> Result<Option<&'static str>> {
    if places.runtime().open(id).is_ok() || monitor::is_alive(places, id) {
        return Ok(None);
    }
    let to = places.containers().join(format!("{ASIDE}{id}"));
    if fs::rename(places.container(id), to).is_err() {
        return Ok(None);
    }
    monitor::forget(places, id);
    Ok(Some("put aside beside the others, as damaged-…"))
}

/// Names that lead nowhere.
fn names(places: &Places, repair: bool, found: &mut Vec<Finding>) -> Result<()> {
    for name in entries(&places.names()) {
        let names = Names::new(places);
        let Some(id) = names.find(&name).filter(|id| !containers::is_there(places, id)) else { continue };
        if repair {
            names.give_back(&name, &id)?;
        }
        let problem = format!("the name {name} leads to container {id}, which is not there");
        found.push(Finding { problem, repair: repair.then_some("removed") });
    }
    Ok(())
}

/// Images that are kept for containers which are gone.
fn uses(places: &Places, repair: bool, found: &mut Vec<Finding>) -> Result<()> {
    let images = store::Store::new(&places.root);
    for user in images.users().map_err(from_image)? {
        // `ID`, and `ID.N` for images that are mounted. Other keys are not ours.
        let id = user.key.split('.').next().unwrap_or_default();
        let record = places.root.join("images/uses").join(&user.key);
        if user.running || id.len() != 64 || !is_old(&record, OLD) || containers::is_there(places, id) {
            continue;
        }
        if repair {
            images.release(&user.key).map_err(from_image)?;
        }
        let problem =
            format!("image {} is kept for container {id}, which is not there", user.manifest.digest);
        found.push(Finding { problem, repair: repair.then_some("released") });
    }
    Ok(())
}

/// Cgroups, mounts and processes of containers that are gone: the runtime's record knows them.
fn runs(places: &Places, repair: bool, found: &mut Vec<Finding>) -> Result<()> {
    for id in places.runtime().ids()? {
        let record = places.run_root.join("containers").join(&id);
        if containers::is_there(places, &id) || monitor::is_alive(places, &id) || !is_old(&record, OLD) {
            continue;
        }
        let gone = |error: &crate::Error| error.kind() == ErrorKind::NotFound;
        match places.runtime().open(&id) {
            Err(error) if gone(&error) => continue,
            runtime if repair => match runtime?.delete(true) {
                Err(error) if !gone(&error) => return Err(error),
                _ => {}
            },
            _ => {}
        }
        let problem = format!("a run of container {id}, which is not there");
        found.push(Finding { problem, repair: repair.then_some("removed") });
    }
    Ok(())
}

/// Whether a file or directory is there, and has been as it is for so long.
pub(crate) fn is_old(path: &Path, age: Duration) -> bool {
    let changed = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    changed.is_ok_and(|changed| SystemTime::now().duration_since(changed).is_ok_and(|passed| passed >= age))
}

fn entries(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// The bytes that a container has written, on disk.
pub fn written(container: &crate::Container) -> Result<u64> {
    let layer = container.directory().join("layer");
    if file::open(&layer, file::READ_DIRECTORY).is_err() {
        return Ok(0);
    }
    crate::volume::size_of(&layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A broken record is one finding, which keeps no other container from being listed; put aside, all is well again.
    #[test]
    fn what_is_wrong_is_found_and_mended_once() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let places = Places { root: root.join("root"), run_root: root.join("run") };
        let (broken, gone) = ("a".repeat(64), "b".repeat(64));
        for id in [&broken, &gone] {
            fs::create_dir_all(places.container(id)).unwrap();
        }
        fs::write(places.container(&broken).join("definition.json"), "{").unwrap();
        fs::create_dir_all(places.names()).unwrap();
        std::os::unix::fs::symlink("c".repeat(64), places.names().join("lost")).unwrap();
        let listed = Containers::new(places.clone()).list().unwrap();
        assert_eq!((listed.containers.len(), listed.damaged.len()), (0, 1));
        // What is young is in the making.
        let problems = |repair| -> Vec<String> {
            check(&places, repair).unwrap().into_iter().map(|finding| finding.problem).collect()
        };
        assert_eq!(problems(false).len(), 2, "{:?}", problems(false));
        let long_ago = SystemTime::now() - Duration::from_secs(120);
        fs::File::open(places.container(&gone)).unwrap().set_modified(long_ago).unwrap();
        assert_eq!(problems(false).len(), 3, "{:?}", problems(false));
        let repaired = check(&places, true).unwrap();
        assert!(
            repaired.len() == 3 && repaired.iter().all(|finding| finding.repair.is_some()),
            "{repaired:?}"
        );
        assert_eq!(problems(false), [""; 0]);
        assert!(places.containers().join(format!("{ASIDE}{broken}/definition.json")).exists());
    }
}
