//! What went wrong with a request, and whether it may go better the next time.

use std::time::Duration;

use serde::Deserialize;

use super::retry::retry_after;
use super::transport::Response;
use crate::{Error, ErrorKind};

/// A failed request.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Another attempt may work.
    pub(super) transient: bool,
    /// What the registry asks to wait first.
    pub(super) wait: Option<Duration>,
    /// The status, where the registry has answered.
    pub(super) status: Option<u16>,
    /// There was no answer in the protocol: the other side may speak another.
    pub(super) unspoken: bool,
}

impl Failure {
    /// One that stays.
    pub(super) fn lasting(error: Error) -> Self {
        Self { error, transient: false, wait: None, status: None, unspoken: false }
    }

    /// One that may go away.
    pub(super) fn passing(error: Error) -> Self {
        Self { transient: true, ..Self::lasting(error) }
    }

    /// An answer that is not the hoped for, with what was asked for.
    pub(super) fn of_answer(what: &str, mut response: Response) -> Self {
        let status = response.status;
        let wait = response.header("retry-after").and_then(retry_after);
        let words = response.short_body().map(|body| words_of(&body)).unwrap_or_default();
        let error = Error::new(kind_of(status), format!("{what}: {}", describe(status, &words)));
        Self {
            error: match hint_for(status, wait) {
                Some(hint) => error.hint(hint),
                None => error,
            },
            transient: matches!(status, 408 | 425 | 429 | 500 | 502..=504),
            wait,
            status: Some(status),
            unspoken: false,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::lasting(error)
    }
}

fn kind_of(status: u16) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::PermissionDenied,
        404 | 410 => ErrorKind::NotFound,
        405 | 501 => ErrorKind::Unsupported,
        400 | 413 | 416 => ErrorKind::InvalidArgument,
        409 => ErrorKind::Conflict,
        408 | 425 | 429 | 500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Internal,
    }
}

fn describe(status: u16, words: &str) -> String {
    let name = match status {
        400 => "bad request",
        401 => "unauthorized",
        403 => "denied",
        404 => "not found",
        405 => "method not allowed",
        408 => "request timeout",
        413 => "too large",
        416 => "range not satisfiable",
        429 => "too many requests",
        500 => "internal server error",
        502 => "bad gateway",
        503 => "service unavailable",
        504 => "gateway timeout",
        _ => "unexpected answer",
    };
    match words {
        "" => format!("{name} (HTTP {status})"),
        _ => format!("{words} (HTTP {status})"),
    }
}

fn hint_for(status: u16, wait: Option<Duration>) -> Option<String> {
    match (status, wait) {
        (401, _) => Some("`barque login` gives the registry a name and a password".to_owned()),
        (429, Some(wait)) => Some(format!(
            "the registry asks to come back in {}; logged in, its limit may be higher",
            span(wait)
        )),
        (429, None) => {
            Some("the registry limits how often it is asked; logged in, its limit may be higher".into())
        }
        (503, Some(wait)) => Some(format!("the registry asks to come back in {}", span(wait))),
        _ => None,
    }
}

/// A span in words: `90 s`, `5 min`, `2 h`.
fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{} h", seconds.div_ceil(3600)),
    }
}

#[derive(Deserialize)]
struct Complaints {
    #[serde(default)]
    errors: Vec<Complaint>,
    /// Token servers and others say it so.
    #[serde(default, alias = "message", alias = "detail", alias = "error_description")]
    details: Option<String>,
}

#[derive(Deserialize)]
struct Complaint {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// What the body of an error says (distribution specification, "Error Codes"), in Docker's words: `manifest unknown`.
fn words_of(body: &[u8]) -> String {
    let Ok(complaints) = serde_json::from_slice::<Complaints>(body) else {
        // Pages of HTML from something between are of no help.
        let text = String::from_utf8_lossy(body);
        return if text.contains('<') { String::new() } else { plain(text.trim()) };
    };
    let mut words = Vec::new();
    for complaint in complaints.errors.iter().take(3) {
        let code = complaint.code.as_deref().unwrap_or("").to_lowercase().replace('_', " ");
        let message = complaint.message.as_deref().unwrap_or("");
        words.push(match (code.as_str(), message) {
            (code, "") => code.to_owned(),
            ("", message) => message.to_owned(),
            (code, message) if message.eq_ignore_ascii_case(code) => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        });
    }
    words.retain(|text| !text.is_empty());
    if words.is_empty() {
        words.extend(complaints.details);
    }
    plain(&words.join("; "))
}

/// Words of a stranger, made fit for one line of a terminal.
pub(super) fn plain(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(400).collect::<String>().trim().to_owned()
}

/// A failed exchange, as the client library tells it.
pub(super) fn of_exchange(what: &str, error: ureq::Error) -> Failure {
    Failure { unspoken: true, ..classify(what, error) }
}

fn classify(what: &str, error: ureq::Error) -> Failure {
    use std::io::ErrorKind as Io;
    use ureq::Timeout;
    let unavailable = |text: String| Error::new(ErrorKind::Unavailable, format!("{what}: {text}"));
    match error {
        ureq::Error::HostNotFound => Failure::lasting(
            Error::new(ErrorKind::NotFound, format!("{what}: no such host"))
                .hint("check the registry's name, and the name servers in /etc/resolv.conf"),
        ),
        ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
            Failure::passing(unavailable("no connection within the time limit".into()))
        }
        ureq::Error::Timeout(_) => Failure::passing(unavailable("the registry has stopped answering".into())),
        ureq::Error::Rustls(error) => Failure::lasting(of_tls(what, &error)),
        ureq::Error::Io(error) => match error.downcast::<rustls::Error>() {
            Ok(error) => Failure::lasting(of_tls(what, &error)),
            Err(error) => match error.kind() {
                Io::ConnectionRefused => Failure::lasting(unavailable("connection refused".into())),
                Io::InvalidData => Failure::lasting(Error::invalid(format!("{what}: {error}"))),
                Io::UnexpectedEof => Failure::passing(unavailable("the registry has hung up".into())),
                _ => Failure::passing(unavailable(error.to_string())),
            },
        },
        ureq::Error::Protocol(error) => {
            Failure::lasting(Error::invalid(format!("{what}: its answer is not HTTP: {error}")))
        }
        ureq::Error::LargeResponseHeader(..) => {
            Failure::lasting(Error::invalid(format!("{what}: the headers of its answer are too large")))
        }
        ureq::Error::ConnectProxyFailed(words) => {
            Failure::lasting(unavailable(format!("the proxy refuses: {}", plain(&words))))
        }
        other => Failure::lasting(unavailable(plain(&other.to_string()))),
    }
}

fn of_tls(what: &str, error: &rustls::Error) -> Error {
    let kind = match error {
        rustls::Error::InvalidCertificate(_) => ErrorKind::PermissionDenied,
        _ => ErrorKind::Unavailable,
    };
    let hint = match error {
        rustls::Error::InvalidCertificate(_) => {
            "put the certificate of its authority into /etc/docker/certs.d/HOST:PORT/ca.crt, or list the registry as insecure"
        }
        rustls::Error::InvalidMessage(_) => "it may speak plain HTTP: list it as insecure or plain-http",
        _ => return Error::new(kind, format!("{what}: TLS: {error}")),
    };
    Error::new(kind, format!("{what}: TLS: {error}")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_registries() {
        for (body, expected) in [
            (r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#, "manifest unknown"),
            (r#"{"errors":[{"code":"DENIED","message":"no way","detail":{"x":[1]}}]}"#, "denied: no way"),
            (r#"{"errors":[{"code":"NAME_INVALID"}]}"#, "name invalid"),
            (r#"{"errors":[{"message":"just\u001b[31m words\n"}]}"#, "just [31m words"),
            (r#"{"details":"incorrect username or password"}"#, "incorrect username or password"),
            ("<html>proxy</html>", ""),
            ("plain words\r\n", "plain words"),
            ("", ""),
            (r#"{"errors":7}"#, r#"{"errors":7}"#),
        ] {
            assert_eq!(words_of(body.as_bytes()), expected, "{body}");
        }
        assert!(plain(&"x".repeat(10_000)).len() <= 400);
    }

    #[test]
    fn spans() {
        for (seconds, expected) in [(1, "1 s"), (90, "90 s"), (121, "3 min"), (7200, "2 h"), (86_400, "24 h")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
    }
}
