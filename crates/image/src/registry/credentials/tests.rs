use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn password(user: &str, password: &str) -> Credential {
    Credential::Password { user: user.into(), password: password.into() }
}

fn in_file(text: &str) -> (tempfile::TempDir, Credentials) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.json");
    std::fs::write(&path, text).unwrap();
    (directory, Credentials { files: vec![path], path: Vec::new() })
}

#[test]
fn found_by_registry_and_part_of_it() {
    // YTpi = a:b
    let (_directory, credentials) = in_file(
        r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "YTpi"},
            "https://old.example/v2/": {"auth": "YTpi"},
            "http://plain.example": {"username": "u", "password": "p"},
            "quay.io": {"auth": "YTpi"},
            "quay.io/org": {"auth": "Yzpk"},
            "quay.io/org/app": {"auth": "ZTpm"},
            "id.example": {"auth": "YTo=", "identitytoken": "T"},
            "raw.example": {"registrytoken": "R"},
            "empty.example": {},
            "bad.example": {"auth": "***"},
            "colonless.example": {"auth": "YQ=="}
        }, "HttpHeaders": {"X": "y"}}"#,
    );
    for (host, repository, expected) in [
        ("docker.io", "library/debian", Some(password("a", "b"))),
        ("old.example", "x", Some(password("a", "b"))),
        ("plain.example", "x", Some(password("u", "p"))),
        ("quay.io", "x", Some(password("a", "b"))),
        ("quay.io", "org/x", Some(password("c", "d"))),
        ("quay.io", "organ/x", Some(password("a", "b"))),
        ("quay.io", "org/app", Some(password("e", "f"))),
        ("id.example", "x", Some(Credential::Identity { user: "a".into(), token: "T".into() })),
        ("raw.example", "x", Some(Credential::Token("R".into()))),
        ("empty.example", "x", None),
        ("example", "x", None),
    ] {
        assert!(credentials.find(host, repository).unwrap() == expected, "{host}/{repository}");
    }
    for host in ["bad.example", "colonless.example"] {
        let error = credentials.find(host, "x").unwrap_err().to_string();
        assert!(error.contains(host) && error.contains("\"auth\""), "{error}");
    }
    assert!(credentials.hosts().unwrap().contains(&"docker.io".to_owned()));
}

#[test]
fn kept_and_forgotten() {
    let (directory, credentials) =
        in_file(r#"{"HttpHeaders": {"X": "y"}, "auths": {"a.example": {"auth": "YTpi"}}}"#);
    assert_eq!(
        credentials.store("docker.io", &password("me", "se:cret")).unwrap(),
        Kept::File(directory.path().join("config.json"))
    );
    assert!(credentials.find("docker.io", "x").unwrap() == Some(password("me", "se:cret")));
    let identity = Credential::Identity { user: "me".into(), token: "T".into() };
    credentials.store("b.example:5000", &identity).unwrap();
    assert!(credentials.find("b.example:5000", "x").unwrap() == Some(identity));
    let text = std::fs::read_to_string(directory.path().join("config.json")).unwrap();
    assert!(text.contains("https://index.docker.io/v1/") && text.contains("HttpHeaders"), "{text}");
    let mode = std::fs::metadata(directory.path().join("config.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(credentials.hosts().unwrap(), ["a.example", "b.example:5000", "docker.io"]);
    assert!(credentials.erase("docker.io").unwrap());
    assert!(!credentials.erase("docker.io").unwrap());
    assert!(credentials.find("docker.io", "x").unwrap().is_none());
    assert!(credentials.find("a.example", "x").unwrap().is_some());
}

#[test]
fn a_file_that_is_not_there_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/config.json");
    let credentials =
        Credentials { files: vec![path.clone(), directory.path().join("auth.json")], path: vec![] };
    assert!(credentials.find("quay.io", "x").unwrap().is_none());
    credentials.store("quay.io", &password("a", "b")).unwrap();
    assert!(path.exists());
    std::fs::write(&path, "[]").unwrap();
    assert!(credentials.find("quay.io", "x").unwrap_err().to_string().contains("not an object"));
}

#[test]
fn a_program_that_is_not_there() {
    let (_directory, credentials) = in_file(r#"{"credsStore": "barque-no-such-program"}"#);
    let error = credentials.find("quay.io", "x").unwrap_err();
    assert!(error.to_string().contains("docker-credential-barque-no-such-program"), "{error}");
    assert!(error.cure().is_some());
    let (_directory, credentials) = in_file(r#"{"credHelpers": {"quay.io": "../../bin/sh"}}"#);
    assert!(credentials.find("quay.io", "x").unwrap_err().to_string().contains("no name of a program"));
    assert!(credentials.find("gcr.io", "x").unwrap().is_none());
}

#[test]
fn a_program_keeps_them() {
    let (directory, mut credentials) = in_file(r#"{"credHelpers": {"quay.io": "box"}}"#);
    let program = directory.path().join("docker-credential-box");
    let script = r#"#!/bin/sh
box=$(dirname "$0")/box
case $1 in
    store) cat >"$box" ;;
    get) read -r server; [ "$server" = quay.io ] && cat "$box" 2>/dev/null && exit
         echo 'credentials not found in native keychain'; exit 1 ;;
    erase) rm "$box" ;;
esac"#;
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    credentials.path = vec![directory.path().to_owned()];
    assert!(credentials.find("quay.io", "x").unwrap().is_none());
    assert_eq!(credentials.store("quay.io", &password("a", "hidden")).unwrap(), Kept::Program("box".into()));
    assert!(credentials.find("quay.io", "x").unwrap() == Some(password("a", "hidden")));
    let text = std::fs::read_to_string(directory.path().join("config.json")).unwrap();
    assert!(!text.contains("hidden") && text.contains("quay.io"), "{text}");
    let identity = Credential::Identity { user: String::new(), token: "T".into() };
    credentials.store("quay.io", &identity).unwrap();
    assert!(credentials.find("quay.io", "x").unwrap() == Some(identity));
    assert!(credentials.erase("quay.io").unwrap());
    assert!(credentials.find("quay.io", "x").unwrap().is_none());
}

#[test]
fn nothing_secret_is_printed() {
    let secrets =
        [password("me", "hidden"), Credential::Identity { user: "me".into(), token: "hidden".into() }];
    assert!(!format!("{secrets:?} {:?}", Credential::Token("hidden".into())).contains("hidden"));
}
