//! One exchange over HTTP: no redirects, no credentials, no second attempt. All that is here is the client library's.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, Method, Uri};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector as _, RustlsConnector, TcpConnector};

use super::failure::{Failure, of_exchange};
use super::proxies::Proxies;
use super::resolver::Names;
use super::settings::{Settings, Timeouts};
use super::tls;
use crate::spec::MAX_DOCUMENT;
use crate::{Error, Result};

/// More than this is no short answer.
const MAX_SHORT: u64 = 64 << 10;

/// Connections to servers; one library agent for each, as trust and certificates differ.
#[derive(Debug)]
pub(super) struct Transport {
    agents: Mutex<HashMap<(String, bool), Agent>>,
    names: Names,
    proxies: Proxies,
    certificates: Vec<std::path::PathBuf>,
    roots: Option<std::path::PathBuf>,
    user_agent: String,
    timeouts: Timeouts,
}

/// What is sent.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) method: Method,
    pub(super) url: &'a Uri,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Payload<'a>,
    pub(super) time: Time,
    /// Its certificate is not looked at.
    pub(super) lax: bool,
}

/// What a request carries.
pub(super) enum Payload<'a> {
    None,
    Bytes(&'a [u8]),
    Stream(&'a mut dyn Read, u64),
}

impl std::fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Stream(_, length) => write!(f, "Stream({length})"),
        }
    }
}

/// How much time a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// A short answer: all of it within a limit.
    Answer,
    /// A transfer: as long as bytes come.
    Transfer,
    /// The end of an upload: the registry may think for long.
    Commit,
}

/// What comes back.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    /// Where it came from at last.
    pub(super) url: Uri,
    headers: HeaderMap,
    body: ureq::Body,
}

impl Response {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All values of a header.
    pub(super) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// How many bytes are announced.
    pub(super) fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The body of an error, as far as it is of interest.
    pub(super) fn short_body(&mut self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.body.as_reader().take(MAX_SHORT).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A document: all of it, or an error.
    pub(super) fn document(mut self, what: &str) -> std::result::Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let read = self.body.as_reader().take(MAX_DOCUMENT + 1).read_to_end(&mut bytes);
        read.map_err(|error| of_exchange(what, error.into()))?;
        if bytes.len() as u64 > MAX_DOCUMENT {
            return Err(Error::invalid(format!(
                "{what}: the answer is longer than a document may be ({MAX_DOCUMENT} bytes)"
            ))
            .into());
        }
        Ok(bytes)
    }

    /// The bytes as they come.
    pub(super) fn reader(&mut self) -> impl Read + '_ {
        self.body.as_reader()
    }
}

impl Transport {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            agents: Mutex::default(),
            names: Names::new(settings.names.clone()),
            proxies: settings.proxies.clone(),
            certificates: settings.hosts.certificates.clone(),
            roots: settings.roots.clone(),
            user_agent: settings.user_agent.clone(),
            timeouts: settings.timeouts,
        }
    }

    /// Sends a request and hears the beginning of the answer, whatever its status.
    pub(super) fn send(&self, request: Request<'_>) -> std::result::Result<Response, Failure> {
        let what = format!("{} {}", request.method, without_query(request.url));
        let agent = self.agent(request.url, request.lax)?;
        let mut parts = ureq::http::Request::builder().method(request.method).uri(request.url.clone());
        for (name, value) in request.headers {
            parts = parts.header(name, value);
        }
        match request.body {
            Payload::None => self.run(&agent, &what, request.time, parts.body(ureq::SendBody::none())),
            Payload::Bytes(bytes) => self.run(&agent, &what, request.time, parts.body(bytes)),
            Payload::Stream(reader, length) => {
                let parts = parts.header("content-length", length);
                self.run(&agent, &what, request.time, parts.body(ureq::SendBody::from_reader(reader)))
            }
        }
    }

    fn run<S: ureq::AsSendBody>(
        &self,
        agent: &Agent,
        what: &str,
        time: Time,
        request: ureq::http::Result<ureq::http::Request<S>>,
    ) -> std::result::Result<Response, Failure> {
        let request = request.map_err(|error| Error::invalid(format!("{what}: {error}")))?;
        let url = request.uri().clone();
        let request = agent
            .configure_request(request)
            .timeout_global((time == Time::Answer).then_some(self.timeouts.answer))
            .timeout_per_read(Some(match time {
                Time::Commit => self.timeouts.commit,
                Time::Answer | Time::Transfer => self.timeouts.stall,
            }))
            .build();
        let response = agent.run(request).map_err(|error| of_exchange(what, error))?;
        let (parts, body) = response.into_parts();
        Ok(Response { status: parts.status.as_u16(), url, headers: parts.headers, body })
    }

    fn agent(&self, url: &Uri, lax: bool) -> Result<Agent> {
        let host = url.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
        let https = url.scheme_str() == Some("https");
        // Plain connections need no trust: an agent of their own does not read certificates.
        let key = (format!("{}://{host}", url.scheme_str().unwrap_or_default()), lax);
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&key) {
            return Ok(agent.clone());
        }
        let port = url.port_u16().unwrap_or(if https { 443 } else { 80 });
        let mut config = ureq::config::Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(self.user_agent.as_str())
            .timeout_connect(Some(self.timeouts.connect))
            .timeout_resolve(Some(self.timeouts.connect))
            .timeout_per_write(Some(self.timeouts.stall))
            .max_idle_age(Duration::from_secs(30))
            .max_idle_connections_per_host(8)
            .proxy(self.proxy(https, url.host().unwrap_or_default(), port)?);
        if https {
            let directory = host.strip_suffix(":443").unwrap_or(&host);
            config =
                config.tls_config(tls::config(directory, lax, &self.certificates, self.roots.as_deref())?);
        }
        let connector =
            ().chain(ConnectProxyConnector::default())
                .chain(TcpConnector::default())
                .chain(RustlsConnector::default());
        let agent = Agent::with_parts(config.build(), connector, self.names.clone());
        agents.insert(key, agent.clone());
        Ok(agent)
    }

    fn proxy(&self, https: bool, host: &str, port: u16) -> Result<Option<ureq::Proxy>> {
        let Some(text) = self.proxies.choose(https, host, port) else { return Ok(None) };
        let proxy = ureq::Proxy::new(text).ok().filter(|proxy| proxy.uri().host().is_some());
        // The text may have a password in it.
        proxy
            .map(Some)
            .ok_or_else(|| Error::invalid("the proxy's address is not of the form http[s]://host[:port]"))
    }
}

/// An address as errors name it: queries may carry signatures that let others in.
pub(super) fn without_query(url: &Uri) -> String {
    let text = url.to_string();
    text.split('?').next().unwrap_or_default().to_owned()
}
