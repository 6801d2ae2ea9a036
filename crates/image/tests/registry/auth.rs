//! Tokens and passwords.

use std::path::PathBuf;

use barque_image::ErrorKind;
use barque_image::registry::{Client, Credential, Hosts, Settings};
use barque_image::spec::{Descriptor, Manifest, media_type};

use crate::server::{Asked, Server, Wire};
use crate::{impatient, repository};

/// A registry with a token server of its own: `me` with `secret`, or the refresh token `R`.
fn tokens() -> Server {
    Server::start(|asked, wire| match asked.path.split('?').next().unwrap_or_default() {
        "/token" => token(asked, wire),
        _ if asked.header("authorization") == Some("Bearer T1") => {
            let config = Descriptor::of(media_type::CONFIG, b"{}");
            let body = serde_json::to_vec(&Manifest::new(config, Vec::new())).unwrap();
            wire.answer(200, &[("content-type", media_type::MANIFEST)], &body);
        }
        _ => {
            let host = asked.header("host").unwrap();
            let challenge = format!(
                r#"Bearer realm="http://{host}/token",service="s s",scope="repository:a/b:pull",error="x""#
            );
            wire.answer(401, &[("www-authenticate", &challenge)], br#"{"errors":[{"code":"UNAUTHORIZED"}]}"#);
        }
    })
}

fn token(asked: &Asked, wire: &mut Wire) {
    let form = String::from_utf8_lossy(&asked.body).into_owned();
    // me:secret
    let by_password = asked.header("authorization") == Some("Basic bWU6c2VjcmV0");
    let by_refresh = form.contains("grant_type=refresh_token") && form.contains("refresh_token=R");
    if !by_password && !by_refresh {
        return wire.json(401, r#"{"details":"incorrect username or password"}"#);
    }
    let offline = asked.path.contains("offline_token=true");
    let refresh = if offline { r#", "refresh_token": "R""# } else { "" };
    wire.json(200, &format!(r#"{{"access_token": "T1", "expires_in": 300{refresh}}}"#));
}

struct Logins {
    _directory: tempfile::TempDir,
    file: PathBuf,
}

fn client(server: &Server, credential: Option<&Credential>) -> (Logins, Client) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.json");
    let mut settings =
        Settings { hosts: Hosts { plain_http: vec![server.host()], ..Hosts::default() }, ..impatient() };
    settings.credentials.files = vec![file.clone()];
    if let Some(credential) = credential {
        settings.credentials.store(&server.host(), credential).unwrap();
    }
    (Logins { _directory: directory, file }, Client::new(settings))
}

fn password(password: &str) -> Credential {
    Credential::Password { user: "me".into(), password: password.into() }
}

fn asked_for_tokens(server: &Server) -> Vec<Asked> {
    server.asked().into_iter().filter(|asked| asked.path.starts_with("/token")).collect()
}

#[test]
fn one_token_for_many_requests() {
    let server = tokens();
    let (_logins, client) = client(&server, Some(&password("secret")));
    let reference = repository(&server.host(), "a/b").with_tag("1").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| client.manifest(&reference).unwrap());
        }
    });
    client.manifest(&reference).unwrap();
    let tokens = asked_for_tokens(&server);
    assert_eq!(tokens.len(), 1, "threads wait for the one that fetches it");
    let query = &tokens[0].path;
    for part in ["service=s%20s", "scope=repository%3Aa%2Fb%3Apull", "account=me", "client_id=barque"] {
        assert!(query.contains(part), "{query} lacks {part}");
    }
    let before = tokens.len();
    client.manifest(&reference).unwrap();
    assert_eq!(asked_for_tokens(&server).len(), before, "a token is used again");
}

#[test]
fn an_identity_token_gets_others() {
    let server = tokens();
    let identity = Credential::Identity { user: "me".into(), token: "R".into() };
    let (_logins, client) = client(&server, Some(&identity));
    client.manifest(&repository(&server.host(), "a/b").with_tag("1").unwrap()).unwrap();
    let tokens = asked_for_tokens(&server);
    assert_eq!((tokens.len(), tokens[0].method.as_str()), (1, "POST"));
    assert!(String::from_utf8_lossy(&tokens[0].body).contains("scope=repository%3Aa%2Fb%3Apull"));
}

#[test]
fn wrong_passwords() {
    let server = tokens();
    for credential in [None, Some(password("wrong"))] {
        let (_logins, client) = client(&server, credential.as_ref());
        let error = client.manifest(&repository(&server.host(), "a/b").with_tag("1").unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert!(error.to_string().contains("incorrect username or password"), "{error}");
        assert!(!error.to_string().contains("wrong"), "{error} has the password");
    }
}

#[test]
fn logins_are_tried_and_kept() {
    let server = tokens();
    let (logins, client) = client(&server, None);
    let error = client.login(&server.host(), &password("wrong")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    let keep = client.login(&server.host(), &password("secret")).unwrap();
    assert!(keep == Credential::Identity { user: "me".into(), token: "R".into() }, "{keep:?}");
    client.settings().credentials.store(&server.host(), &keep).unwrap();
    assert!(!std::fs::read_to_string(&logins.file).unwrap().contains("secret"));
    client.manifest(&repository(&server.host(), "a/b").with_tag("1").unwrap()).unwrap();
}

#[test]
fn tokens_that_are_none() {
    for body in ["", "{}", "[]", r#"{"token": ""}"#, r#"{"token": "a\r\nx: y"}"#, r#"{"token": 7}"#] {
        let server = Server::start(move |asked, wire| match asked.path.starts_with("/token") {
            true => wire.json(200, body),
            false => wire.answer(401, &[("www-authenticate", "Bearer realm=\"/token\"")], b""),
        });
        let (_logins, client) = client(&server, None);
        let error = client.manifest(&repository(&server.host(), "a/b")).unwrap_err();
        assert!(error.to_string().contains("token"), "{body}: {error}");
    }
    for realm in ["file:///etc/passwd", "", "ftp://x/y"] {
        let challenge = format!("Bearer realm=\"{realm}\"");
        let server = Server::start(move |_, wire| wire.answer(401, &[("www-authenticate", &challenge)], b""));
        let (_logins, client) = client(&server, Some(&password("secret")));
        let error = client.manifest(&repository(&server.host(), "a/b")).unwrap_err();
        assert!(error.to_string().contains("sends us"), "{realm}: {error}");
    }
}
