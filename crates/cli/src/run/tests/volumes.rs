//! Volumes: what is mounted, remembered, and made.

use barque_engine::definition::MountKind;
use barque_engine::volume::ANONYMOUS;

use super::fake::{root, run};
use crate::run::RunRequest;

/// The options of what is mounted on a path.
fn options(request: &RunRequest, path: &str) -> String {
    let mount = request.spec.mounts.iter().find(|mount| mount.destination == path).unwrap();
    let options: Vec<&str> = mount.options.iter().map(|option| option.as_str()).collect();
    let source = mount.source.as_deref().unwrap_or_default();
    format!("{} {source} {}", mount.kind.as_deref().unwrap_or_default(), options.join(","))
}

#[test]
fn what_is_mounted() {
    for (flag, expected) in [
        ("-v new:/v", "bind /volumes/new/data rbind,rprivate,X-barque.copyup"),
        ("-v db:/v:ro,nocopy", "bind /volumes/db/data rbind,rprivate,rro"),
        ("-v db:/v:idmap,noexec", "bind /volumes/db/data rbind,rprivate,noexec,X-barque.copyup,idmap"),
        ("-u 33:34 -v db:/v:U", "bind /volumes/db/data rbind,rprivate,X-barque.copyup,X-barque.chown=33:34"),
        ("-u 33 -v /srv:/v:U", "bind /srv rbind,rprivate,X-barque.chown=33:33"),
        ("-v memory:/v", "tmpfs tmpfs size=1m,tmpcopyup,rprivate"),
        ("-v memory:/v:ro,nocopy", "tmpfs tmpfs size=1m,ro,rprivate"),
        ("-v elsewhere:/v:nocopy", "bind /srv bind,rprivate,ro"),
        (
            "--mount type=volume,src=db,dst=/v,readonly,volume-subpath=a/b",
            "bind /volumes/db/data rbind,rprivate,rro,X-mount.subdir=a/b",
        ),
        (
            "--mount type=volume,src=fresh,dst=/v,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-nocopy",
            "tmpfs tmpfs rprivate",
        ),
        (
            "-v /srv:/v:O",
            "overlay overlay lowerdir=/srv,upperdir=/run/barque/0123/overlay0/upper,workdir=/run/barque/0123/overlay0/work,rprivate",
        ),
        (
            "--mount type=image,src=tools,dst=/v",
            r"overlay overlay lowerdir=/layers/b\:2:/layers/a,ro,rprivate",
        ),
        ("--mount type=image,src=one,dst=/v", "bind /layers/a bind,rprivate,ro"),
    ] {
        let user =
            if flag.contains("-u 33 ") { flag.replace("-u 33 ", "-u 33:33 ") } else { flag.to_owned() };
        let request = run(&root(), &format!("{user} @host true")).unwrap();
        assert_eq!(options(&request, "/v"), expected, "{flag}");
    }
}

#[test]
fn what_is_made_and_remembered() {
    let line =
        "-v /anonymous -v db:/data:ro --mount type=volume,src=new,dst=/new,volume-label=a=1 @host true";
    let request = run(&root(), line).unwrap();
    let made: Vec<_> = request.volumes.iter().map(|wanted| wanted.name.as_deref().unwrap_or("")).collect();
    assert_eq!(made, [&"f".repeat(64)[..], "db", "new"]);
    assert!(request.volumes[0].labels.contains_key(ANONYMOUS));
    assert_eq!(request.volumes[2].labels.get("a").map(String::as_str), Some("1"));
    let points: Vec<_> = request
        .mounts
        .iter()
        .map(|point| (point.kind, point.destination.as_str(), point.rw, point.anonymous, point.mode.as_str()))
        .collect();
    assert_eq!(
        points,
        [
            (MountKind::Volume, "/anonymous", true, true, ""),
            (MountKind::Volume, "/data", false, false, "ro"),
            (MountKind::Volume, "/new", true, false, ""),
        ]
    );
    assert!(request.create_directories.is_empty());
}

#[test]
fn scratch_directories_look_like_the_source() {
    let request = run(&root(), "-v /srv:/v:O @host true").unwrap();
    let upper = &request.scratch_directories[1];
    assert_eq!((upper.mode, upper.owner), (0o1770, Some((7, 8))));
    assert!(upper.path.ends_with("overlay0/upper"));
}

#[test]
fn volumes_of_others() {
    let request = run(&root(), "--volumes-from web:ro -v other:/log dir:/srv true").unwrap();
    assert_eq!(options(&request, "/data"), "bind /volumes/db/data rbind,rprivate,rro");
    assert_eq!(options(&request, "/srv"), "bind /srv rbind,rprivate,rro");
    assert!(options(&request, "/log").contains("/volumes/other/data"), "what is asked for by itself counts");
    assert!(request.spec.mounts.iter().all(|mount| mount.destination != "/tmp"));
    let names: Vec<_> = request.volumes.iter().map(|wanted| wanted.name.as_deref().unwrap_or("")).collect();
    assert_eq!(names, ["other", "db"]);
    assert!(request.mounts.iter().all(|point| !point.anonymous));
}

#[test]
fn a_volume_above_the_containers_own_files_does_not_hide_them() {
    let request = run(&root(), "-v db:/etc -v new:/etc/sub @host true").unwrap();
    let at = |path: &str| request.spec.mounts.iter().position(|mount| mount.destination == path).unwrap();
    assert!(at("/etc") < at("/etc/hosts") && at("/etc") < at("/etc/sub"));
}

#[test]
fn new_volumes_belong_to_the_containers_root() {
    let request = run(&root(), "--userns uidmap=0:100000:65536 -v new:/v @host true").unwrap();
    assert_eq!(request.volumes[0].owner, Some((100_000, 100_000)));
}
