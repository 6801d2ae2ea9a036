//! The client: requests with who we are, redirects, other attempts, and other places.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom};
use std::sync::{Mutex, PoisonError};
use std::thread;

use ureq::http::{Method, Uri};

use super::auth::{Asker, Authorizer, Scope};
use super::credentials::Credential;
use super::endpoint::{Endpoint, Security};
use super::failure::Failure;
use super::retry::Attempts;
use super::settings::Settings;
use super::transport::{Payload, Request, Response, Time, Transport};
use super::url;
use crate::{Error, ErrorKind, Reference, Result};

/// More places than this in a row are a loop.
const MAX_REDIRECTS: u32 = 8;

/// Speaks to registries (OCI distribution specification 1.1). Shared between threads; connections, tokens, and what was
/// learnt of a registry are kept.
#[derive(Debug)]
pub struct Client {
    pub(super) settings: Settings,
    pub(super) transport: Transport,
    authorizer: Authorizer,
    /// Whether a registry that may speak either speaks HTTPS, by its address.
    spoken: Mutex<HashMap<String, bool>>,
    /// Logins as they were found, by registry and repository.
    credentials: Mutex<HashMap<(String, String), Option<Credential>>>,
}

/// One request to a registry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    pub(super) target: Target<'a>,
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) body: Body<'a>,
    pub(super) scope: &'a Scope,
    /// Whose login is used, where a registry has several.
    pub(super) repository: &'a str,
    pub(super) time: Time,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    /// A path of the endpoint, with its query.
    Path(&'a str),
    /// Where the registry itself has sent us.
    Url(&'a Uri),
}

/// What a request carries; it may have to be sent again.
#[derive(Debug, Clone, Copy)]
pub(super) enum Body<'a> {
    None,
    Bytes(&'a [u8]),
    /// A part of a file, from an offset, so many bytes.
    Part(&'a PartOf<'a>),
}

/// A part of a file that is sent.
pub(super) struct PartOf<'a> {
    pub(super) file: &'a File,
    pub(super) offset: u64,
    pub(super) length: u64,
    /// Hears how far into the file it has got.
    pub(super) sent: &'a dyn Fn(u64),
}

impl std::fmt::Debug for PartOf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PartOf({} from {})", self.length, self.offset)
    }
}

struct Counted<'a, R> {
    inner: R,
    position: u64,
    sent: &'a dyn Fn(u64),
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.position += count as u64;
        (self.sent)(self.position);
        Ok(count)
    }
}

impl Client {
    /// A client that has spoken to nobody yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            transport: Transport::new(&settings),
            authorizer: Authorizer::default(),
            spoken: Mutex::default(),
            credentials: Mutex::default(),
            settings,
        }
    }

    /// How it was set up.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where to write.
    pub(super) fn origin(&self, reference: &Reference) -> Endpoint {
        self.settings.hosts.origin(reference.host())
    }

    /// Reads from mirrors and then from the registry, until one gives what is asked for; the complaint is that of the
    /// registry itself.
    pub(super) fn read_from<T>(
        &self,
        reference: &Reference,
        mut read: impl FnMut(&Endpoint) -> std::result::Result<T, Failure>,
    ) -> Result<T> {
        let mut last = None;
        for endpoint in self.settings.hosts.to_read(reference)? {
            match read(&endpoint) {
                Ok(value) => return Ok(value),
                Err(failure) => last = Some(failure.error),
            }
        }
        Err(last.unwrap_or_else(|| Error::new(ErrorKind::Internal, "no registry to ask")))
    }

    /// A request, tried again as long as that may help. An answer with another status than these is a failure.
    pub(super) fn call(
        &self,
        endpoint: &Endpoint,
        call: &Call<'_>,
        wanted: &[u16],
    ) -> std::result::Result<Response, Failure> {
        let mut attempts = Attempts::new(self.settings.attempts, &self.settings.timeouts);
        loop {
            let failure = match self.attempt(endpoint, call, wanted) {
                Err(failure) => failure,
                done => return done,
            };
            match attempts.after(&failure) {
                Some(pause) => thread::sleep(pause),
                None => return Err(failure),
            }
        }
    }

    /// A request, tried once.
    pub(super) fn attempt(
        &self,
        endpoint: &Endpoint,
        call: &Call<'_>,
        wanted: &[u16],
    ) -> std::result::Result<Response, Failure> {
        let response = match (call.target, self.schemes(endpoint)) {
            (Target::Url(url), _) => self.follow(endpoint, call, url.clone())?,
            (Target::Path(path), [https]) => self.follow(endpoint, call, address(endpoint, *https, path)?)?,
            (Target::Path(path), _) => self.try_both(endpoint, call, path)?,
        };
        if wanted.contains(&response.status) {
            return Ok(response);
        }
        let what = format!("{} {}", call.method, super::transport::without_query(&response.url));
        Err(Failure::of_answer(&what, response))
    }

    /// Whether HTTPS, for each that may be spoken.
    fn schemes(&self, endpoint: &Endpoint) -> &'static [bool] {
        let spoken = self.spoken.lock().unwrap_or_else(PoisonError::into_inner);
        match (endpoint.security, spoken.get(&endpoint.address)) {
            (Security::Strict, _) | (Security::Lax, Some(true)) => &[true],
            (Security::Plain, _) | (Security::Lax, Some(false)) => &[false],
            (Security::Lax, None) => &[true, false],
        }
    }

    /// HTTPS first, as Docker does for registries that need not prove anything; the first answer decides for good.
    fn try_both(
        &self,
        endpoint: &Endpoint,
        call: &Call<'_>,
        path: &str,
    ) -> std::result::Result<Response, Failure> {
        let mut last = None;
        for https in [true, false] {
            match self.follow(endpoint, call, address(endpoint, https, path)?) {
                Err(failure) if failure.unspoken => {
                    // The complaint over TLS is of no interest where the plain attempt ends as badly.
                    last = Some(failure);
                }
                done => {
                    let mut spoken = self.spoken.lock().unwrap_or_else(PoisonError::into_inner);
                    spoken.insert(endpoint.address.clone(), https);
                    return done;
                }
            }
        }
        Err(last.unwrap_or_else(|| Failure::lasting(Error::new(ErrorKind::Internal, "nothing was tried"))))
    }

    /// Sends a request to where it leads at last. Who we are is said to the registry's own origin only.
    fn follow(
        &self,
        endpoint: &Endpoint,
        call: &Call<'_>,
        start: Uri,
    ) -> std::result::Result<Response, Failure> {
        let lax = endpoint.security != Security::Strict;
        let own = match call.target {
            Target::Path(_) => start.clone(),
            Target::Url(_) => address(endpoint, self.schemes(endpoint)[0], "/")?,
        };
        let origin = origin_of(&own);
        let credential = || self.credential(endpoint, call.repository);
        let asker = Asker {
            transport: &self.transport,
            origin: &origin,
            credential: &credential,
            scope: call.scope,
            lax,
        };
        let mut url = start;
        for _ in 0..=MAX_REDIRECTS {
            let ours = url::same_origin(&url, &own);
            let header = if ours { self.authorizer.header(&asker)? } else { None };
            let mut response = self.send(call, &url, header.as_deref(), lax)?;
            if response.status == 401
                && ours
                && let Some(header) = self.authorizer.retry(&asker, header.as_deref(), &response)?
            {
                response = self.send(call, &url, Some(&header), lax)?;
            }
            if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            url = next(&response, &url, call.method, lax)?;
        }
        let first = super::transport::without_query(&own);
        Err(Error::invalid(format!("{} {first}: sent on more than {MAX_REDIRECTS} times", call.method))
            .into())
    }

    /// A login is looked for only when a registry asks: that may start a program.
    fn credential(&self, endpoint: &Endpoint, repository: &str) -> Result<Option<Credential>> {
        let repository = format!("{}{repository}", endpoint.prefix);
        let key = (endpoint.host.clone(), repository);
        let mut known = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(credential) = known.get(&key) {
            return Ok(credential.clone());
        }
        let credential = self.settings.credentials.find(&key.0, &key.1)?;
        known.insert(key, credential.clone());
        Ok(credential)
    }

    fn send(
        &self,
        call: &Call<'_>,
        url: &Uri,
        authorization: Option<&str>,
        lax: bool,
    ) -> std::result::Result<Response, Failure> {
        let mut headers: Vec<_> =
            call.headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        headers.extend(authorization.map(|value| ("authorization", value.to_owned())));
        let request =
            |body| Request { method: call.method.clone(), url, headers, body, time: call.time, lax };
        match call.body {
            Body::None => self.transport.send(request(Payload::None)),
            Body::Bytes(bytes) => self.transport.send(request(Payload::Bytes(bytes))),
            Body::Part(part) => {
                let mut file = part.file;
                file.seek(SeekFrom::Start(part.offset))
                    .map_err(|error| Error::from_io(error, format!("lseek({})", part.offset)))?;
                let mut reader =
                    Counted { inner: file.take(part.length), position: part.offset, sent: part.sent };
                self.transport.send(request(Payload::Stream(&mut reader, part.length)))
            }
        }
    }
}

/// Where a redirect leads, if it may be followed.
fn next(response: &Response, from: &Uri, method: &Method, lax: bool) -> Result<Uri> {
    let bad =
        |why: &str| Error::invalid(format!("{method} {}: {why}", super::transport::without_query(from)));
    let location = response.header("location").ok_or_else(|| bad("sent on, but not said where to"))?;
    let url = url::join(from, location)?;
    if from.scheme_str() == Some("https") && url.scheme_str() == Some("http") && !lax {
        return Err(bad("sent on from https to plain http").with_kind(ErrorKind::PermissionDenied));
    }
    // Only these may be asked twice; 303 would make another request of the others.
    if !matches!(*method, Method::GET | Method::HEAD) && !matches!(response.status, 307 | 308) {
        return Err(bad(&format!("sent on with HTTP {}, which is not for this method", response.status)));
    }
    Ok(url)
}

fn address(endpoint: &Endpoint, https: bool, path: &str) -> Result<Uri> {
    let scheme = if https { "https" } else { "http" };
    let text = format!("{scheme}://{}{path}", endpoint.address);
    text.parse().map_err(|error| Error::invalid(format!("address {text:?}: {error}")))
}

fn origin_of(url: &Uri) -> String {
    let authority = url.authority().map(|authority| authority.as_str()).unwrap_or_default();
    format!("{}://{authority}", url.scheme_str().unwrap_or_default())
}
