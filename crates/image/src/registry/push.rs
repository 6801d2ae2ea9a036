//! Blobs, sent: not at all where they are there, by name where another repository has them, else in pieces that are
//! resumed where one broke off.

use std::cell::Cell;
use std::fs::File;
use std::thread;

use ureq::http::{Method, Uri};

use super::auth::Scope;
use super::client::{Body, Call, Client, PartOf, Target};
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::retry::Attempts;
use super::transport::{Response, Time};
use super::url;
use crate::progress::{Phase, Progress};
use crate::spec::Descriptor;
use crate::{Context as _, Error, Reference, Result};

/// Blobs up to this size are sent with the request that ends the upload, which saves one.
const SMALL: u64 = 1 << 20;
/// An upload that has got on by so much counts its failures anew.
const PROGRESS: u64 = 1 << 20;

/// How a blob came to be in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It was there.
    Present,
    /// The registry had it in another repository.
    Mounted,
    /// It was sent.
    Uploaded,
}

/// One upload.
struct Upload<'a> {
    endpoint: &'a Endpoint,
    scope: Scope,
    repository: &'a str,
    descriptor: &'a Descriptor,
    file: &'a File,
    progress: &'a dyn Progress,
    /// As far as progress was told of.
    told: Cell<u64>,
}

/// An upload that the registry has begun to take.
struct Session {
    location: Uri,
    /// How many bytes it has.
    offset: u64,
    /// It wants no smaller pieces than this.
    least: u64,
}

impl Client {
    /// Puts a blob into a repository. `mount_from`: repositories of the same registry that may have it.
    pub fn push_blob(
        &self,
        repository: &Reference,
        descriptor: &Descriptor,
        open: &dyn Fn() -> Result<File>,
        mount_from: &[Reference],
        progress: &dyn Progress,
    ) -> Result<Pushed> {
        let digest = &descriptor.digest;
        if self.exists(repository, digest)?.is_some() {
            progress.phase(digest, Phase::Present, Some(descriptor.size));
            return Ok(Pushed::Present);
        }
        let endpoint = self.origin(repository);
        let own = Scope::repository(repository.repository(), "pull,push");
        let name = repository.repository();
        let sources = mount_from.iter().filter(|from| from.host() == repository.host());
        for from in sources.filter(|from| from.repository() != name) {
            // The token must let us read there, too; who may not read there cannot mount from there.
            let scope = own.clone().and(Scope::repository(from.repository(), "pull"));
            if self.mount(&endpoint, name, scope, descriptor, from.repository()) {
                progress.phase(digest, Phase::Mounted, Some(descriptor.size));
                return Ok(Pushed::Mounted);
            }
        }
        let file = open()?;
        progress.phase(digest, Phase::Uploading, Some(descriptor.size));
        let upload = Upload {
            endpoint: &endpoint,
            scope: own,
            repository: name,
            descriptor,
            file: &file,
            progress,
            told: Cell::new(0),
        };
        self.upload(&upload)
            .map_err(|failure| failure.error)
            .context(|| format!("push of blob {digest} to {}", repository.familiar_name()))?;
        progress.phase(digest, Phase::Done, Some(descriptor.size));
        Ok(Pushed::Uploaded)
    }

    /// Whether the registry has taken the blob over from another repository. Failure of any kind only means that it
    /// has to be sent.
    fn mount(&self, endpoint: &Endpoint, name: &str, scope: Scope, blob: &Descriptor, from: &str) -> bool {
        let digest = url::escape(blob.digest.as_str());
        let path = format!("/v2/{name}/blobs/uploads/?mount={digest}&from={}", url::escape(from));
        let begun = self.begin_at(endpoint, &path, &scope, name, &[201, 202]);
        match begun {
            Ok(response) if response.status == 201 => true,
            // It has begun an upload instead, which nobody will finish.
            Ok(response) => {
                if let Ok(session) = session_of(endpoint, &response) {
                    self.cancel(endpoint, &session.location, &scope, name);
                }
                false
            }
            Err(_) => false,
        }
    }

    fn begin_at(
        &self,
        endpoint: &Endpoint,
        path: &str,
        scope: &Scope,
        repository: &str,
        wanted: &[u16],
    ) -> std::result::Result<Response, Failure> {
        let call = Call {
            method: &Method::POST,
            target: Target::Path(path),
            headers: &[],
            body: Body::Bytes(&[]),
            scope,
            repository,
            time: Time::Answer,
        };
        self.call(endpoint, &call, wanted)
    }

    fn cancel(&self, endpoint: &Endpoint, location: &Uri, scope: &Scope, repository: &str) {
        let call = Call {
            method: &Method::DELETE,
            target: Target::Url(location),
            headers: &[],
            body: Body::None,
            scope,
            repository,
            time: Time::Answer,
        };
        // Registries clean up what nobody finishes; this only helps them.
        drop(self.attempt(endpoint, &call, &[204]));
    }

    /// Sends the blob, going on after failures where the registry says it has got to.
    fn upload(&self, upload: &Upload<'_>) -> std::result::Result<(), Failure> {
        let mut attempts = Attempts::new(self.settings.attempts, &self.settings.timeouts);
        let mut session: Option<Session> = None;
        let mut counted = 0;
        loop {
            let Err(failure) = self.upload_rest(upload, &mut session) else { return Ok(()) };
            let Some(pause) = attempts.after(&failure) else {
                if let Some(session) = session {
                    self.cancel(upload.endpoint, &session.location, &upload.scope, upload.repository);
                }
                return Err(failure);
            };
            thread::sleep(pause);
            session = session.and_then(|session| self.state_of(upload, session));
            let offset = session.as_ref().map_or(0, |session| session.offset);
            if offset >= counted + PROGRESS {
                attempts.refill();
            }
            counted = counted.max(offset);
        }
    }

    /// From where the session is, or a new one, to the end.
    fn upload_rest(
        &self,
        upload: &Upload<'_>,
        held: &mut Option<Session>,
    ) -> std::result::Result<(), Failure> {
        let session = match held {
            Some(session) => session,
            None => held.insert(self.begin(upload)?),
        };
        let size = upload.descriptor.size;
        while size - session.offset > SMALL || (self.settings.chunk.is_some() && session.offset < size) {
            let chunk = self.settings.chunk.unwrap_or(u64::MAX).max(session.least).max(1);
            let length = chunk.min(size - session.offset);
            self.send_piece(upload, session, length)?;
        }
        self.finish(upload, session)
    }

    fn begin(&self, upload: &Upload<'_>) -> std::result::Result<Session, Failure> {
        let path = format!("/v2/{}/blobs/uploads/", upload.repository);
        let response = self.begin_at(upload.endpoint, &path, &upload.scope, upload.repository, &[202])?;
        Ok(session_of(upload.endpoint, &response)?)
    }

    fn send_piece(
        &self,
        upload: &Upload<'_>,
        session: &mut Session,
        length: u64,
    ) -> std::result::Result<(), Failure> {
        let end = session.offset + length;
        let range = format!("{}-{}", session.offset, end - 1);
        let mut headers = vec![("content-type", "application/octet-stream")];
        // All of it in one piece is a stream, for which some registries want no range.
        if length < upload.descriptor.size {
            headers.push(("content-range", &range));
        }
        let sent = |position| upload.tell(position);
        let part = PartOf { file: upload.file, offset: session.offset, length, sent: &sent };
        let call = Call {
            method: &Method::PATCH,
            target: Target::Url(&session.location),
            headers: &headers,
            body: Body::Part(&part),
            scope: &upload.scope,
            repository: upload.repository,
            time: Time::Commit,
        };
        let response = self.attempt(upload.endpoint, &call, &[202, 201, 204])?;
        *session =
            Session { offset: end, least: session.least, ..next_of(upload.endpoint, session, &response)? };
        Ok(())
    }

    /// Sends what is left with the digest, which makes it a blob.
    fn finish(&self, upload: &Upload<'_>, session: &Session) -> std::result::Result<(), Failure> {
        let location = url::with_query(&session.location, "digest", upload.descriptor.digest.as_str())?;
        let length = upload.descriptor.size - session.offset;
        let sent = |position| upload.tell(position);
        let part = PartOf { file: upload.file, offset: session.offset, length, sent: &sent };
        let range = format!("{}-{}", session.offset, upload.descriptor.size.saturating_sub(1));
        let mut headers = vec![("content-type", "application/octet-stream")];
        if length > 0 && session.offset > 0 {
            headers.push(("content-range", &range));
        }
        let call = Call {
            method: &Method::PUT,
            target: Target::Url(&location),
            headers: &headers,
            body: if length > 0 { Body::Part(&part) } else { Body::Bytes(&[]) },
            scope: &upload.scope,
            repository: upload.repository,
            time: Time::Commit,
        };
        self.attempt(upload.endpoint, &call, &[201, 204]).map(drop)
    }

    /// How far a session has got; nothing where it is not known any more.
    fn state_of(&self, upload: &Upload<'_>, session: Session) -> Option<Session> {
        let call = Call {
            method: &Method::GET,
            target: Target::Url(&session.location),
            headers: &[],
            body: Body::None,
            scope: &upload.scope,
            repository: upload.repository,
            time: Time::Answer,
        };
        let response = self.attempt(upload.endpoint, &call, &[204]).ok()?;
        let next = next_of(upload.endpoint, &session, &response).ok()?;
        // More than there is cannot be ours.
        (next.offset <= upload.descriptor.size).then_some(next)
    }
}

impl Upload<'_> {
    /// Bytes that are sent again are not counted again.
    fn tell(&self, position: u64) {
        let told = self.told.get();
        if position > told {
            self.progress.advance(&self.descriptor.digest, position - told);
            self.told.set(position);
        }
    }
}

/// Where the registry wants the next piece, and how far it has got.
fn session_of(endpoint: &Endpoint, response: &Response) -> Result<Session> {
    let location = response
        .header("location")
        .ok_or_else(|| Error::invalid("the registry begins an upload, but does not say where"))?;
    let location = url::join(&response.url, location)?;
    let offset = match response.header("range") {
        Some(range) => range_end(range).unwrap_or(0),
        None => 0,
    };
    let least = response.header("oci-chunk-min-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok(Session { location: own_scheme(endpoint, &response.url, location)?, offset, least })
}

/// The session after an answer, which may have moved it.
fn next_of(endpoint: &Endpoint, session: &Session, response: &Response) -> Result<Session> {
    if response.header("location").is_none() {
        let offset = response.header("range").and_then(range_end).unwrap_or(0);
        return Ok(Session { location: session.location.clone(), offset, least: session.least });
    }
    Ok(Session { least: session.least, ..session_of(endpoint, response)? })
}

/// A registry behind a server that ends TLS may not know that it is spoken to over it, and sends us to its own plain
/// address: the bytes go over TLS all the same.
fn own_scheme(endpoint: &Endpoint, from: &Uri, location: Uri) -> Result<Uri> {
    let plain = from.scheme_str() == Some("https") && location.scheme_str() == Some("http");
    if !plain {
        return Ok(location);
    }
    if location.host() != from.host() {
        return Err(Error::invalid(format!("the registry {} sends a push on to plain http", endpoint.host)));
    }
    let path = location.path_and_query().map_or("/", |path| path.as_str());
    url::join(from, path)
}

/// `0-1023`: 1024 bytes are there. `0-0` is what Docker's registry says of none.
fn range_end(range: &str) -> Option<u64> {
    let (start, end) = range.trim_start_matches("bytes=").split_once('-')?;
    let end: u64 = end.parse().ok()?;
    match (start, end) {
        ("0", 0) => Some(0),
        ("0", end) => end.checked_add(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_uploads() {
        for (range, expected) in [
            ("0-1023", Some(1024)),
            ("0-0", Some(0)),
            ("bytes=0-9", Some(10)),
            ("5-9", None),
            ("0-", None),
            ("", None),
            ("0-18446744073709551615", None),
        ] {
            assert_eq!(range_end(range), expected, "{range}");
        }
    }

    #[test]
    fn uploads_stay_on_tls() {
        let endpoint =
            Endpoint::parse("https://r.example", super::super::endpoint::Security::Strict).unwrap();
        let from: Uri = "https://r.example/v2/".parse().unwrap();
        let to = |text: &str| own_scheme(&endpoint, &from, text.parse().unwrap());
        assert_eq!(to("http://r.example/u?x=1").unwrap().to_string(), "https://r.example/u?x=1");
        assert_eq!(to("https://other.example/u").unwrap().to_string(), "https://other.example/u");
        assert!(to("http://other.example/u").is_err());
    }
}
