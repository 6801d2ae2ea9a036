use super::*;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn canonical_and_familiar_forms() {
    let digest = format!("sha256:{HEX}");
    for (text, canonical, familiar) in [
        ("debian", "docker.io/library/debian", "debian"),
        ("debian:12", "docker.io/library/debian:12", "debian:12"),
        ("library/debian", "docker.io/library/debian", "debian"),
        ("docker.io/debian", "docker.io/library/debian", "debian"),
        ("index.docker.io/debian", "docker.io/library/debian", "debian"),
        ("user/app:v1.2_3-x", "docker.io/user/app:v1.2_3-x", "user/app:v1.2_3-x"),
        ("library/a/b", "docker.io/library/a/b", "library/a/b"),
        ("localhost/app", "localhost/app", "localhost/app"),
        ("localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000/app:1"),
        ("quay.io/a/b/c", "quay.io/a/b/c", "quay.io/a/b/c"),
        ("MYHOST/app", "MYHOST/app", "MYHOST/app"),
        ("[::1]:5000/app", "[::1]:5000/app", "[::1]:5000/app"),
        ("a__b/c--d.e_f", "docker.io/a__b/c--d.e_f", "a__b/c--d.e_f"),
        ("docker.io/a.b/c", "docker.io/a.b/c", "docker.io/a.b/c"),
        ("docker.io/localhost/c", "docker.io/localhost/c", "docker.io/localhost/c"),
        ("debian:sha256", "docker.io/library/debian:sha256", "debian:sha256"),
        (
            &format!("debian:12@{digest}"),
            &format!("docker.io/library/debian:12@{digest}"),
            &format!("debian:12@{digest}"),
        ),
    ] {
        let reference: Reference = text.parse().unwrap();
        assert_eq!((reference.to_string().as_str(), reference.familiar().as_str()), (canonical, familiar));
        assert_eq!(familiar.parse::<Reference>().unwrap(), reference, "{familiar} is read back");
        assert_eq!(canonical.parse::<Reference>().unwrap(), reference, "{canonical} is read back");
    }
}

#[test]
fn refused() {
    let long = "a".repeat(256);
    let tag = format!("a:{}", "t".repeat(129));
    for text in [
        "",
        ":",
        ":12",
        "@",
        "debian:",
        "debian@",
        "debian@sha256:abc",
        "Debian",
        "quay.io/App",
        "a//b",
        "/a",
        "a/",
        "a/../b",
        "../a",
        "a/./b",
        "-a",
        "a-",
        "a..b",
        "a___b",
        "a._b",
        "a b",
        "a\0b",
        "a\nb",
        "debian:-x",
        "debian:.x",
        "debian:a/b:c d",
        "host:port/a",
        "host:0/a",
        "host:99999/a",
        "ho_st.io/a",
        "-host.io/a",
        "[::1/a",
        "[zz]:5/a",
        "user@host/app",
        "https://quay.io/a",
        "ünïcode",
        HEX,
        "index.docker.io.",
        &long,
        &tag,
    ] {
        let error = text.parse::<Reference>().unwrap_err().to_string();
        assert!(error.contains("invalid reference format"), "{text:?}: {error}");
    }
    let error = "quay.io/App".parse::<Reference>().unwrap_err().to_string();
    assert!(error.contains("must be lowercase"), "{error}");
}

#[test]
fn tags_and_digests() {
    let debian: Reference = "debian".parse().unwrap();
    assert_eq!((debian.tag(), debian.manifest_name()), (None, "latest"));
    assert_eq!(debian.or_latest().to_string(), "docker.io/library/debian:latest");
    let digest: Digest = format!("sha256:{HEX}").parse().unwrap();
    let pinned = debian.with_tag("12").unwrap().with_digest(digest.clone());
    assert_eq!(pinned.manifest_name(), digest.as_str());
    assert_eq!(pinned.or_latest(), pinned);
    assert_eq!(pinned.without_tag(), debian);
    assert_eq!(pinned.with_tag("13").unwrap().digest(), None);
    assert!(debian.with_tag("a b").is_err());
    let json = serde_json::to_string(&pinned).unwrap();
    assert_eq!(serde_json::from_str::<Reference>(&json).unwrap(), pinned);
}

#[test]
fn short_names() {
    let names = ShortNames {
        search: vec!["quay.io".into(), "docker.io".into()],
        aliases: [("fedora".to_owned(), "registry.fedoraproject.org/fedora".to_owned())].into(),
    };
    let digest = format!("sha256:{HEX}");
    for (text, expected) in [
        ("debian:12", vec!["quay.io/debian:12", "docker.io/library/debian:12"]),
        ("org/app", vec!["quay.io/org/app", "docker.io/org/app"]),
        ("fedora:41", vec!["registry.fedoraproject.org/fedora:41"]),
        (&format!("fedora@{digest}"), vec![&*format!("registry.fedoraproject.org/fedora@{digest}")]),
        ("localhost:5000/x", vec!["localhost:5000/x"]),
        ("gcr.io/x:1", vec!["gcr.io/x:1"]),
    ] {
        let found: Vec<String> = names.candidates(text).unwrap().iter().map(Reference::to_string).collect();
        assert_eq!(found, expected, "{text}");
    }
    assert!(names.candidates("A").is_err());
    let plain: Vec<_> = ShortNames::default().candidates("debian").unwrap();
    assert_eq!(plain, vec!["debian".parse().unwrap()]);
}

mod any {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is accepted is printed so that it is read back as the same, in both forms.
        #[test]
        fn what_is_read_is_read_back(text in "[a-zA-Z0-9./:@_-]{0,40}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(&reference.to_string().parse::<Reference>().unwrap(), &reference);
                prop_assert_eq!(&reference.familiar().parse::<Reference>().unwrap(), &reference);
            }
        }

        /// No text makes the parser panic, and nothing accepted can leave its place in a URL.
        #[test]
        fn no_text_is_dangerous(text in "\\PC*") {
            if let Ok(reference) = text.parse::<Reference>() {
                let name = reference.to_string();
                prop_assert!(name.bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert!(!name.split('/').any(|part| part == ".." || part == "." || part.is_empty()));
            }
        }
    }
}
