//! A token from the server that a challenge names.

use std::time::{Duration, Instant};

use serde::Deserialize;
use ureq::http::{Method, Uri};

use super::basic;
use crate::registry::credentials::Credential;
use crate::registry::failure::Failure;
use crate::registry::transport::{Payload, Request, Response, Time, Transport, without_query};
use crate::registry::url;
use crate::{Context as _, Error, ErrorKind, Result};

/// Who the client is, for servers that ask.
const CLIENT: &str = "barque";
/// How long a token is good where its server does not say (Docker's "Token Authentication").
const DEFAULT_SPAN: u64 = 60;
/// Clocks differ and requests take time: a token is given up a little earlier.
const MARGIN: Duration = Duration::from_secs(5);
/// Longer ones do not fit into a header that anybody takes.
const MAX_TOKEN: usize = 32 << 10;

/// One token to ask for.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) transport: &'a Transport,
    /// The registry that asks for it.
    pub(crate) origin: &'a str,
    pub(crate) lax: bool,
    pub(crate) credential: Option<&'a Credential>,
    pub(crate) realm: &'a str,
    pub(crate) service: Option<&'a str>,
    pub(crate) scopes: &'a [String],
    /// Also one that can take the place of the password from now on.
    pub(crate) offline: bool,
}

/// What a token server gives.
pub(crate) struct Granted {
    pub(crate) token: String,
    pub(crate) until: Instant,
    /// A token to get others with.
    pub(crate) refresh: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Exchange<'_> {
    pub(crate) fn run(&self) -> Result<Granted> {
        let response = self.ask().map_err(|failure| failure.error).context(|| "token")?;
        let what = format!("token from {}", without_query(&response.url));
        let bytes = response.document(&what).map_err(|failure| failure.error)?;
        let answer: Answer = serde_json::from_slice(&bytes)
            .map_err(|_| Error::invalid(format!("{what}: the answer has none")))?;
        let token =
            answer.token.filter(|token| !token.is_empty()).or(answer.access_token).unwrap_or_default();
        let legal =
            !token.is_empty() && token.len() <= MAX_TOKEN && token.bytes().all(|b| b.is_ascii_graphic());
        if !legal {
            return Err(Error::invalid(format!("{what}: the answer has no token that fits into a header")));
        }
        let span = Duration::from_secs(answer.expires_in.unwrap_or(DEFAULT_SPAN).clamp(1, 86_400));
        let until = Instant::now() + span.saturating_sub(MARGIN).max(span / 2);
        Ok(Granted { token, until, refresh: answer.refresh_token.filter(|token| !token.is_empty()) })
    }

    fn realm(&self) -> Result<Uri> {
        let bad = |why: &str| {
            let realm = crate::registry::failure::plain(self.realm);
            Error::invalid(format!("the registry sends us for a token to {realm:?}: {why}"))
        };
        let base: Uri = self.origin.parse().map_err(|_| bad("no valid address"))?;
        let realm = url::join(&base, self.realm)?;
        // A password must not travel in the clear because somebody asks for it over a connection that is not.
        if base.scheme_str() == Some("https") && realm.scheme_str() != Some("https") && !self.lax {
            return Err(bad("not https, though the registry is").with_kind(ErrorKind::PermissionDenied));
        }
        Ok(realm)
    }

    fn ask(&self) -> std::result::Result<Response, Failure> {
        let realm = self.realm()?;
        if let Some(Credential::Identity { token, .. }) = self.credential {
            return self.post(&realm, &[("grant_type", "refresh_token"), ("refresh_token", token)]);
        }
        let response = self.get(&realm)?;
        let by_post = matches!(response.status, 404 | 405);
        match self.credential {
            Some(Credential::Password { user, password }) if by_post => {
                self.post(&realm, &[("grant_type", "password"), ("username", user), ("password", password)])
            }
            _ => settle(&realm, response),
        }
    }

    fn get(&self, realm: &Uri) -> std::result::Result<Response, Failure> {
        let mut address = realm.clone();
        if let Some(service) = self.service {
            address = url::with_query(&address, "service", service)?;
        }
        for scope in self.scopes {
            address = url::with_query(&address, "scope", scope)?;
        }
        if let Some(user) = self.credential.and_then(Credential::user) {
            address = url::with_query(&address, "account", user)?;
        }
        if self.offline {
            address = url::with_query(&address, "offline_token", "true")?;
        }
        address = url::with_query(&address, "client_id", CLIENT)?;
        let headers = basic(self.credential).map(|header| ("authorization", header));
        self.send(Method::GET, &address, headers.into_iter().collect(), Payload::None)
    }

    fn post(&self, realm: &Uri, grant: &[(&str, &str)]) -> std::result::Result<Response, Failure> {
        let scopes = self.scopes.join(" ");
        let offline = if self.offline { "offline" } else { "online" };
        let mut fields = grant.to_vec();
        fields.extend([("client_id", CLIENT), ("access_type", offline)]);
        fields.extend(self.service.map(|service| ("service", service)));
        if !scopes.is_empty() {
            fields.push(("scope", &scopes));
        }
        let form: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", url::escape(value))).collect();
        let form = form.join("&");
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        let response = self.send(Method::POST, realm, headers, Payload::Bytes(form.as_bytes()))?;
        settle(realm, response)
    }

    fn send<'a>(
        &self,
        method: Method,
        url: &'a Uri,
        headers: Vec<(&'static str, String)>,
        body: Payload<'a>,
    ) -> std::result::Result<Response, Failure> {
        let request = Request { method, url, headers, body, time: Time::Answer, lax: self.lax };
        self.transport.send(request)
    }
}

fn settle(realm: &Uri, response: Response) -> std::result::Result<Response, Failure> {
    match response.status {
        200 => Ok(response),
        _ => Err(Failure::of_answer(&without_query(realm), response)),
    }
}
