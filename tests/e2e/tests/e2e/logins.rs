//! Logins and certificates, with a registry that insists on both.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::lab::{Lab, Said, require_root, said};
use crate::registry::{Registry, SECURE};

/// A registry that wants to be trusted and logged in to, and a home without anything about it.
struct Scene {
    lab: Lab,
    registry: Registry,
}

impl Scene {
    fn new() -> Self {
        let lab = Lab::new();
        let registry = Registry::start_secure(&lab);
        let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
        lab.file("hosts", &format!("{hosts}\n127.0.0.1 {SECURE}\n"));
        fs::create_dir(lab.path("programs")).unwrap();
        Self { lab, registry }
    }

    /// `barque ARGUMENTS` where the registry's name leads to loopback, with something on standard input.
    fn barque_with(&self, input: &str, arguments: &[&str]) -> Said {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\""]);
        command.arg(self.lab.path("hosts"));
        let barque = self.lab.barque();
        command.arg(barque.get_program()).args(barque.get_args()).args(arguments);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.lab.text("programs")));
        command.env("HOME", self.lab.path("home")).env("XDG_CONFIG_HOME", self.lab.path("settings"));
        for name in ["DOCKER_CONFIG", "XDG_RUNTIME_DIR", "REGISTRY_AUTH_FILE"] {
            command.env_remove(name);
        }
        let input = fs::File::open(self.lab.file("input", input)).unwrap();
        said(command.stdin(input))
    }

    fn barque(&self, arguments: &[&str]) -> Said {
        self.barque_with("", arguments)
    }

    fn login(&self, password: &str) -> Said {
        let arguments = ["login", "-u", "tester", "--password-stdin", &self.registry.address()];
        self.barque_with(password, &arguments)
    }

    /// Makes the scene's authority one to be trusted for this registry.
    fn trust(&self) {
        let own = format!("settings/containers/certs.d/{}/ca.crt", self.registry.address());
        self.lab.file(&own, &fs::read_to_string(self.lab.path("tls/ca.crt")).unwrap());
    }

    /// An image of the scene's root filesystem, with the registry's name for it.
    fn import(&self) -> String {
        let name = self.registry.name("team/app:1");
        self.barque(&["import", &self.lab.text("rootfs"), &name]).ok();
        name
    }

    fn settings(&self) -> String {
        fs::read_to_string(self.lab.path("home/.docker/config.json")).unwrap_or_default()
    }
}

#[test]
fn a_registry_is_trusted_then_logged_in_to_then_used() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    let name = scene.import();
    scene.barque(&["push", &name]).fails(1, &[&scene.registry.address(), "certificate"]);
    scene.login("pass:word").fails(1, &["certificate"]);
    scene.trust();
    scene.barque(&["push", &name]).fails(1, &["unauthorized"]);
    scene.login("wrong").fails(1, &["unauthorized"]);
    assert_eq!(scene.settings(), "");

    let logged_in = scene.login("pass:word\n");
    assert_eq!(logged_in.ok(), "Login Succeeded");
    assert!(logged_in.err.contains("stored unencrypted"), "{logged_in:#?}");
    let kept: serde_json::Value = serde_json::from_str(&scene.settings()).unwrap();
    assert_eq!(kept["auths"][scene.registry.address()]["auth"], "dGVzdGVyOnBhc3M6d29yZA==");
    let mode = fs::metadata(scene.lab.path("home/.docker/config.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let pushed = scene.barque(&["push", &name]);
    assert!(pushed.ok().contains("1: digest: sha256:"), "{pushed:#?}");
    scene.barque(&["rmi", &name]).ok();
    scene.barque(&["pull", "-q", &name]).ok();
    let parent = ["--cgroup-parent", scene.lab.cgroup_parent()];
    let run = scene.barque(&[&["run", "--rm"], &parent[..], &[&name, "head", "-n1", "/etc/passwd"]].concat());
    assert_eq!(run.ok(), "root:x:0:0::/root:/bin/sh");

    let address = scene.registry.address();
    let said = scene.barque(&["logout", &address]);
    assert_eq!(said.ok(), format!("Removing login credentials for {address}"));
    assert!(!scene.settings().contains("dGVzdGVy"), "{}", scene.settings());
    scene.barque(&["pull", &name]).fails(1, &["unauthorized"]);
    assert_eq!(scene.barque(&["logout", &address]).ok(), format!("Not logged in to {address}"));
}

/// Keeps what it is told in files of its own, as the credential helpers of docker do.
const HELPER: &str = r#"#!/bin/sh
cd "${0%/*}" || exit 2
case $1 in
store) cat > secret ;;
get) [ -e secret ] || { echo 'credentials not found in native keychain'; exit 1; }; cat secret ;;
erase) rm secret ;;
esac
"#;

#[test]
fn a_credential_store_keeps_the_password() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    scene.trust();
    let program = scene.lab.file("programs/docker-credential-test", HELPER);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    for settings in [
        r#"{"credsStore": "test", "mine": [1]}"#.to_owned(),
        format!(r#"{{"credHelpers": {{{:?}: "test"}}, "mine": [1]}}"#, scene.registry.address()),
    ] {
        scene.lab.file("home/.docker/config.json", &settings);
        let name = scene.import();
        scene.barque(&["push", &name]).fails(1, &["unauthorized"]);
        let logged_in = scene.login("pass:word");
        assert_eq!((logged_in.ok(), logged_in.err.as_str()), ("Login Succeeded", ""), "{settings}");
        let kept: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(scene.lab.path("programs/secret")).unwrap()).unwrap();
        assert_eq!((&kept["Username"], &kept["Secret"]), (&"tester".into(), &"pass:word".into()));
        assert!(!scene.settings().contains("dGVzdGVy") && scene.settings().contains("mine"));
        scene.barque(&["push", "-q", &name]).ok();
        scene.barque(&["rmi", &name]).ok();
        assert_eq!(scene.barque(&["pull", "-q", &name]).ok(), name);
        scene.barque(&["logout", &scene.registry.address()]).ok();
        assert!(!scene.lab.path("programs/secret").exists());
        scene.barque(&["pull", &name]).fails(1, &["unauthorized"]);
    }
}

#[test]
fn what_a_login_does_not_take() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    scene.trust();
    let address = scene.registry.address();
    for (arguments, words) in [
        (&["login", "--password-stdin"][..], "Must provide --username with --password-stdin"),
        (&["login", "-u", "a", "-p", "b", "--password-stdin"], "--password and --password-stdin"),
        (&["login", "-u", "tester", "--password-stdin", &address], "must not be empty"),
        (&["login", "a", "b"], "at most 1 argument"),
    ] {
        scene.barque(arguments).fails(1, &[words]);
    }
    let asked = scene.barque_with("tester\npass:word\n", &["login", &address]);
    assert_eq!(asked.ok(), "Login Succeeded");
    assert!(asked.err.contains("Username") && asked.err.contains("Password: "), "{asked:#?}");
    let insecure = scene.barque(&["login", "-u", "tester", "-p", "pass:word", &address]);
    assert_eq!(insecure.ok(), "Login Succeeded");
    assert!(insecure.err.contains("--password-stdin"), "{insecure:#?}");
}

#[test]
fn searching_a_registry_of_ones_own() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    scene.trust();
    scene.login("pass:word").ok();
    let name = scene.import();
    scene.barque(&["push", "-q", &name]).ok();
    let other = scene.registry.name("team/other:1");
    scene.barque(&["tag", &name, &other]).ok();
    scene.barque(&["push", "-q", &other]).ok();
    let search = |term: &str, more: &[&str]| {
        let term = format!("{}/{term}", scene.registry.address());
        scene.barque(&[&["search", &term], more].concat()).ok().to_owned()
    };
    assert_eq!(search("app", &["--format", "{{.Name}}"]), scene.registry.name("team/app"));
    assert!(search("team", &[]).starts_with("NAME"));
    assert_eq!(search("team", &["--format", "{{.Name}}", "--limit", "1"]).lines().count(), 1);
    assert_eq!(search("team", &["--format", "{{.Name}}"]).lines().count(), 2);
    assert_eq!(search("team", &["--format", "{{.Name}}", "-f", "is-official=true"]), "");
    assert_eq!(search("none", &["--format", "json"]), "");
    scene.barque(&["search", "-f", "nonsense=1", "x"]).fails(1, &["invalid filter", "stars"]);
}
