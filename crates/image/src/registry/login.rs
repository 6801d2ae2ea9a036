//! A login is tried before it is kept.

use ureq::http::{Method, Uri};

use super::auth::{Challenge, Exchange, basic, challenges};
use super::client::Client;
use super::credentials::Credential;
use super::endpoint::{Endpoint, Security};
use super::failure::Failure;
use super::transport::{Payload, Request, Response, Time};
use crate::{Context as _, Error, ErrorKind, Result};

impl Client {
    /// Asks a registry whether it takes a login. Gives back what to keep: a token in place of the password, where the
    /// registry has one for that.
    pub fn login(&self, host: &str, credential: &Credential) -> Result<Credential> {
        let endpoint = self.settings.hosts.origin(host);
        self.try_login(&endpoint, credential)
            .map_err(|failure| match failure.status {
                Some(401 | 403) => failure.error.with_kind(ErrorKind::PermissionDenied),
                _ => failure.error,
            })
            .context(|| format!("login to {host}"))
    }

    fn try_login(
        &self,
        endpoint: &Endpoint,
        credential: &Credential,
    ) -> std::result::Result<Credential, Failure> {
        let (origin, response) = self.knock(endpoint)?;
        if response.status == 200 {
            return Ok(credential.clone());
        }
        let asked = challenges(&response);
        let lax = endpoint.security != Security::Strict;
        let bearer = asked.iter().find(|challenge| **challenge != Challenge::Basic);
        let (header, keep) = match bearer.or(asked.first()) {
            Some(Challenge::Bearer { realm, service, scope }) => {
                let scopes: Vec<String> = scope.iter().cloned().collect();
                let exchange = Exchange {
                    transport: &self.transport,
                    origin: &origin,
                    lax,
                    credential: Some(credential),
                    realm,
                    service: service.as_deref(),
                    scopes: &scopes,
                    offline: true,
                };
                let granted = exchange.run()?;
                let user = credential.user().unwrap_or_default().to_owned();
                let keep = granted.refresh.map(|token| Credential::Identity { user, token });
                (format!("Bearer {}", granted.token), keep)
            }
            Some(Challenge::Basic) => {
                let header = basic(Some(credential)).ok_or_else(|| {
                    Error::invalid("the registry asks for a name and a password, not for a token")
                })?;
                (header, None)
            }
            None => return Err(Failure::of_answer(&format!("{origin}/v2/"), response)),
        };
        let response = self.get_base(&origin, Some(header), lax)?;
        match response.status {
            200 => Ok(keep.unwrap_or_else(|| credential.clone())),
            _ => Err(Failure::of_answer(&format!("{origin}/v2/"), response)),
        }
    }

    /// The first answer of a registry, and the origin that it came from.
    fn knock(&self, endpoint: &Endpoint) -> std::result::Result<(String, Response), Failure> {
        let both = ["https", "http"];
        let schemes = match endpoint.security {
            Security::Strict => &both[..1],
            Security::Plain => &both[1..],
            Security::Lax => &both[..],
        };
        let mut last = None;
        for scheme in schemes {
            let origin = format!("{scheme}://{}", endpoint.address);
            match self.get_base(&origin, None, endpoint.security != Security::Strict) {
                Ok(response) => return Ok((origin, response)),
                Err(failure) if failure.unspoken => last = Some(failure),
                Err(failure) => return Err(failure),
            }
        }
        Err(last.unwrap_or_else(|| Failure::lasting(Error::new(ErrorKind::Internal, "nothing was tried"))))
    }

    fn get_base(
        &self,
        origin: &str,
        authorization: Option<String>,
        lax: bool,
    ) -> std::result::Result<Response, Failure> {
        let url: Uri = format!("{origin}/v2/")
            .parse()
            .map_err(|error| Error::invalid(format!("address {origin:?}: {error}")))?;
        let headers = authorization.map(|header| ("authorization", header)).into_iter().collect();
        let request =
            Request { method: Method::GET, url: &url, headers, body: Payload::None, time: Time::Answer, lax };
        self.transport.send(request)
    }
}
