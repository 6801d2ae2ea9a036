//! Registries that lie, loop, or answer with something else.

use std::time::{Duration, Instant};

use barque_image::registry::{Client, Hosts, Settings};
use barque_image::spec::{Descriptor, Manifest, media_type};
use barque_image::{Digest, ErrorKind, Reference};

use crate::server::{Asked, Server, Wire};
use crate::{client_of, impatient, repository};

fn manifest() -> Vec<u8> {
    let config = Descriptor::of(media_type::CONFIG, b"{}");
    serde_json::to_vec(&Manifest::new(config, Vec::new())).unwrap()
}

fn typed(media_type: &'static str) -> [(&'static str, &'static str); 1] {
    [("content-type", media_type)]
}

/// Asks for a manifest, and gives back the error.
fn complaint(answer: impl Fn(&Asked, &mut Wire) + Send + Sync + 'static) -> barque_image::Error {
    let server = Server::start(answer);
    let reference = repository(&server.host(), "a/b").with_tag("1").unwrap();
    let started = Instant::now();
    let error = client_of(&server.host()).manifest(&reference).unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(20), "{error}");
    assert!(error.to_string().contains("a/b:1"), "{error} does not name the image");
    error
}

#[test]
fn manifests_that_are_none() {
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (media_type::MANIFEST, b"<html>login</html>".to_vec(), "none"),
        (media_type::INDEX, manifest(), "sent as"),
        (media_type::MANIFEST, b"{\"schemaVersion\": 1}".to_vec(), "schema 1"),
        (media_type::MANIFEST, b"{\"schemaVersion\": 2}".to_vec(), "manifest"),
        (media_type::MANIFEST, vec![b' '; 5 << 20], "longer than a document"),
        ("text/plain", b"hello".to_vec(), "none"),
        (media_type::MANIFEST, Vec::new(), "none"),
    ];
    for (kind, body, words) in cases {
        let error = complaint(move |_, wire| wire.answer(200, &typed(kind), &body)).to_string();
        assert!(error.contains(words), "{error:?} says nothing of {words:?}");
    }
}

#[test]
fn digests_that_are_wrong() {
    let digest = Digest::of(b"other").to_string();
    let error = complaint(move |_, wire| {
        let headers = [("content-type", media_type::MANIFEST), ("docker-content-digest", digest.as_str())];
        wire.answer(200, &headers, &manifest());
    });
    assert!(error.to_string().contains("has the digest"), "{error}");

    let server = Server::start(|_, wire| wire.answer(200, &typed(media_type::MANIFEST), &manifest()));
    let wanted = repository(&server.host(), "a/b").with_digest(Digest::of(b"other"));
    let error = client_of(&server.host()).manifest(&wanted).unwrap_err();
    assert!(error.to_string().contains("has the digest"), "{error}");
    let right = repository(&server.host(), "a/b").with_digest(Digest::of(&manifest()));
    assert_eq!(client_of(&server.host()).manifest(&right).unwrap().bytes, manifest());
}

#[test]
fn no_http_at_all() {
    for garbage in [&b"\0\0\0\0\0\0\0\0\r\n\r\n"[..], b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 99999 x\r\n\r\n"] {
        let error = complaint(move |_, wire| assert!(wire.raw(garbage)));
        assert!(matches!(error.kind(), ErrorKind::InvalidArgument | ErrorKind::Unavailable), "{error}");
    }
    let error = complaint(|_, wire| {
        wire.raw(b"HTTP/1.1 200 OK\r\n");
        while wire.raw(b"x-filler: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n") {}
    });
    assert!(error.to_string().contains("header"), "{error}");
}

#[test]
fn redirects_that_lead_nowhere() {
    for (location, words) in [
        ("file:///etc/passwd", "neither http nor https"),
        ("gopher://x/", "neither http nor https"),
        ("", "sends us to"),
        ("/v2/a/b/manifests/1", "sent on more than"),
    ] {
        let error = complaint(move |_, wire| wire.answer(307, &[("location", location)], b""));
        assert!(error.to_string().contains(words), "{location}: {error}");
    }
    let error = complaint(|_, wire| wire.answer(302, &[], b"")).to_string();
    assert!(error.contains("not said where to"), "{error}");
    let growing = |asked: &Asked, wire: &mut Wire| {
        wire.answer(302, &[("location", &format!("{}x", asked.path))], b"");
    };
    assert!(complaint(growing).to_string().contains("sent on more than"));
}

#[test]
fn redirects_elsewhere_carry_no_login() {
    let elsewhere = Server::start(|_, wire| wire.answer(200, &typed(media_type::MANIFEST), &manifest()));
    let target = format!("http://{}/cdn?signature=secret", elsewhere.host());
    let server = Server::start(move |asked, wire| match asked.header("authorization") {
        Some("Basic YTpi") => wire.answer(307, &[("location", &target)], b""),
        _ => wire.answer(401, &[("www-authenticate", "Basic realm=x")], b""),
    });
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.json");
    std::fs::write(&file, format!(r#"{{"auths": {{"{}": {{"auth": "YTpi"}}}}}}"#, server.host())).unwrap();
    let mut settings =
        Settings { hosts: Hosts { plain_http: vec![server.host()], ..Hosts::default() }, ..impatient() };
    settings.credentials.files = vec![file];
    let reference = repository(&server.host(), "a/b").with_tag("1").unwrap();
    Client::new(settings).manifest(&reference).unwrap();
    assert_eq!(elsewhere.asked().len(), 1);
    assert_eq!(elsewhere.asked()[0].header("authorization"), None);
    assert_eq!(server.asked().last().unwrap().header("authorization"), Some("Basic YTpi"));
}

#[test]
fn busy_registries() {
    let error = complaint(|_, wire| {
        let body =
            r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#;
        wire.answer(429, &[("retry-after", "3600")], body.as_bytes());
    });
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("toomanyrequests: You have reached"), "{error}");
    assert!(error.cure().unwrap().contains("come back in 60 min"), "{:?}", error.cure());

    for status in [429, 503, 502] {
        let server = Server::start(move |asked, wire| match asked.number {
            0 | 1 => wire.answer(status, &[("retry-after", "0")], b""),
            _ => wire.answer(200, &typed(media_type::MANIFEST), &manifest()),
        });
        let reference = repository(&server.host(), "a/b").with_tag("1").unwrap();
        client_of(&server.host()).manifest(&reference).unwrap();
        assert_eq!(server.asked().len(), 3, "{status}");
    }
    for (status, kind) in [
        (404, ErrorKind::NotFound),
        (403, ErrorKind::PermissionDenied),
        (401, ErrorKind::PermissionDenied),
        (418, ErrorKind::Internal),
    ] {
        let error = complaint(move |_, wire| wire.answer(status, &[], b"\x1b[31mred"));
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!error.to_string().contains('\x1b'), "{error:?}");
    }
}

#[test]
fn lists_without_end() {
    let server = Server::start(|asked, wire| {
        let link = format!(r#"<{}>; rel="next""#, asked.path);
        wire.answer(200, &[("link", &link)], br#"{"tags": ["a"]}"#);
    });
    let error = client_of(&server.host()).tags(&repository(&server.host(), "a/b")).unwrap_err();
    assert!(error.to_string().contains("no end"), "{error}");
    assert_eq!(server.asked().len(), 2);

    let server = Server::start(|asked, wire| {
        if asked.path.contains("last=") {
            return wire.json(200, r#"{"tags": ["c"]}"#);
        }
        let next = "</v2/a/b/tags/list?last=b>; rel=next";
        wire.answer(200, &[("link", next)], br#"{"tags": ["a", "b"]}"#);
    });
    let tags = client_of(&server.host()).tags(&repository(&server.host(), "a/b")).unwrap();
    assert_eq!(tags, ["a", "b", "c"]);
    let none = Server::start(|_, wire| wire.json(200, r#"{"tags": null}"#));
    assert!(client_of(&none.host()).tags(&repository(&none.host(), "a/b")).unwrap().is_empty());
}

#[test]
fn nobody_there() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let started = Instant::now();
    let error = client_of(&free).manifest(&repository(&free, "a")).unwrap_err();
    assert!(error.to_string().contains("connection refused"), "{error}");
    let nowhere: Reference = "registry.invalid/a".parse().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut settings = impatient();
    settings.names.hosts = directory.path().join("hosts");
    settings.names.resolv_conf = directory.path().join("resolv.conf");
    std::fs::write(&settings.names.resolv_conf, "nameserver 127.0.0.1\noptions timeout:1 attempts:1")
        .unwrap();
    let error = Client::new(settings).manifest(&nowhere).unwrap_err();
    assert!(error.to_string().contains("registry.invalid"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_head_that_says_nothing_costs_a_get() {
    let server = Server::start(|_, wire| wire.answer(200, &typed(media_type::MANIFEST), &manifest()));
    let reference = repository(&server.host(), "a/b").with_tag("1").unwrap();
    let found = client_of(&server.host()).resolve(&reference).unwrap();
    assert_eq!(found, Descriptor::of(media_type::MANIFEST, &manifest()));
    let digest = found.digest.to_string();
    let server = Server::start(move |asked, wire| {
        assert_eq!(asked.method, "HEAD");
        let headers = [("content-type", media_type::MANIFEST), ("docker-content-digest", digest.as_str())];
        wire.head(200, &headers, manifest().len());
    });
    let reference = repository(&server.host(), "a/b").with_tag("1").unwrap();
    assert_eq!(client_of(&server.host()).resolve(&reference).unwrap(), found);
    assert_eq!(server.asked().len(), 1, "one request");
}

#[test]
fn plain_http_is_found_out_on_loopback_alone() {
    let server = Server::start(|_, wire| wire.answer(200, &typed(media_type::MANIFEST), &manifest()));
    let reference = repository(&server.host(), "a/b").with_tag("1").unwrap();
    Client::new(impatient()).manifest(&reference).unwrap();

    let port = server.host().rsplit_once(':').unwrap().1.to_owned();
    let directory = tempfile::tempdir().unwrap();
    let mut settings = impatient();
    settings.names.hosts = directory.path().join("hosts");
    std::fs::write(&settings.names.hosts, "127.0.0.1 registry.test").unwrap();
    let reference = repository(&format!("registry.test:{port}"), "a/b").with_tag("1").unwrap();
    let before = server.asked().len();
    Client::new(settings.clone()).manifest(&reference).unwrap_err();
    assert_eq!(server.asked().len(), before, "nothing is sent in the clear");
    settings.hosts.insecure_registries = vec![format!("registry.test:{port}")];
    Client::new(settings).manifest(&reference).unwrap();
}
