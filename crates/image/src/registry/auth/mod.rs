//! Who we are, for a registry: a name and a password with each request, or a token that another server gives for them
//! (distribution specification; Docker's "Token Authentication", "OAuth2").

mod challenge;
mod token;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(super) use challenge::Challenge;
pub(super) use token::{Exchange, Granted};

use super::credentials::Credential;
use super::transport::{Response, Transport};
use crate::{Error, ErrorKind, Result};

/// What the requests of one piece of work may do: `repository:library/debian:pull`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Scope(Vec<String>);

impl Scope {
    /// Of nothing: a registry's own pages.
    pub(super) fn none() -> Self {
        Self::default()
    }

    pub(super) fn catalog() -> Self {
        Self(vec!["registry:catalog:*".into()])
    }

    /// `actions` on a repository: `pull`, `pull,push`, `delete`.
    pub(super) fn repository(name: &str, actions: &str) -> Self {
        Self(vec![format!("repository:{name}:{actions}")])
    }

    /// Also of others.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn with_asked(&self, asked: Option<&str>) -> Vec<String> {
        let mut scopes = self.0.clone();
        for scope in asked.unwrap_or("").split(' ').filter(|scope| !scope.is_empty()) {
            if !scopes.iter().any(|known| covers(known, scope)) {
                scopes.push(scope.to_owned());
            }
        }
        scopes
    }
}

/// Whether a scope has all that another asks for.
fn covers(known: &str, asked: &str) -> bool {
    let (Some((name, actions)), Some((wanted_name, wanted))) =
        (known.rsplit_once(':'), asked.rsplit_once(':'))
    else {
        return known == asked;
    };
    name == wanted_name && wanted.split(',').all(|action| actions.split(',').any(|known| known == action))
}

/// Remembers what registries have asked for and what was given.
#[derive(Debug, Default)]
pub(super) struct Authorizer {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By origin.
    challenges: HashMap<String, Challenge>,
    tokens: HashMap<(String, Scope), Held>,
}

struct Held {
    token: String,
    until: Instant,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held(until {:?})", self.until)
    }
}

/// For whom a header is meant, and who asks.
#[derive(Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) transport: &'a Transport,
    /// `https://host:port`.
    pub(super) origin: &'a str,
    /// Looks up the login.
    pub(super) credential: &'a dyn Fn() -> Result<Option<Credential>>,
    pub(super) scope: &'a Scope,
    pub(super) lax: bool,
}

impl Authorizer {
    /// The `Authorization` for a request: of what is known from earlier ones, so that no request is wasted on being
    /// refused.
    pub(super) fn header(&self, asker: &Asker<'_>) -> Result<Option<String>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.challenges.get(asker.origin).cloned() {
            // Threads that need the same token wait here for the one that fetches it.
            Some(challenge) => state.answer(asker, &challenge).map(Some),
            None => Ok(None),
        }
    }

    /// After a refusal: learns what is asked for, throws away what was not good enough, and makes a better answer;
    /// nothing where there is none.
    pub(super) fn retry(
        &self,
        asker: &Asker<'_>,
        sent: Option<&str>,
        refused: &Response,
    ) -> Result<Option<String>> {
        let challenges = challenges(refused);
        // A registry that takes both means tokens for everybody, and passwords for those that have one.
        let bearer = challenges.iter().find(|challenge| **challenge != Challenge::Basic);
        let Some(challenge) = bearer.or(challenges.first()).cloned() else { return Ok(None) };
        if challenge == Challenge::Basic && basic((asker.credential)()?.as_ref()).is_none() {
            return Ok(None);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have fetched a token since; that one has not been refused.
        let key = (asker.origin.to_owned(), asker.scope.clone());
        let refused =
            |held: &Held| sent.is_some_and(|sent| sent.strip_prefix("Bearer ") == Some(&held.token));
        if state.tokens.get(&key).is_some_and(refused) {
            state.tokens.remove(&key);
        }
        state.challenges.insert(asker.origin.to_owned(), challenge.clone());
        state.answer(asker, &challenge).map(Some)
    }
}

impl State {
    fn answer(&mut self, asker: &Asker<'_>, challenge: &Challenge) -> Result<String> {
        let credential = (asker.credential)()?;
        let credential = credential.as_ref();
        let Challenge::Bearer { realm, service, scope } = challenge else {
            return basic(credential).ok_or_else(|| {
                Error::new(
                    ErrorKind::PermissionDenied,
                    "unauthorized: the registry asks for a name and a password",
                )
                .hint("`barque login` gives it one")
            });
        };
        if let Some(Credential::Token(token)) = credential {
            return Ok(format!("Bearer {token}"));
        }
        let key = (asker.origin.to_owned(), asker.scope.clone());
        if let Some(held) = self.tokens.get(&key).filter(|held| held.until > Instant::now()) {
            return Ok(format!("Bearer {}", held.token));
        }
        // What the challenge asks for is about the request that was refused; ours says all that will follow.
        let scopes = if asker.scope.0.is_empty() {
            asker.scope.with_asked(scope.as_deref())
        } else {
            asker.scope.0.clone()
        };
        let exchange = Exchange {
            transport: asker.transport,
            origin: asker.origin,
            lax: asker.lax,
            credential,
            realm,
            service: service.as_deref(),
            scopes: &scopes,
            offline: false,
        };
        let Granted { token, until, .. } = exchange.run()?;
        let header = format!("Bearer {token}");
        self.tokens.insert(key, Held { token, until });
        Ok(header)
    }
}

/// The header for a name and a password.
pub(super) fn basic(credential: Option<&Credential>) -> Option<String> {
    match credential? {
        Credential::Password { user, password } => {
            Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
        }
        _ => None,
    }
}

/// The challenges in an answer.
pub(super) fn challenges(response: &Response) -> Vec<Challenge> {
    response.headers("www-authenticate").flat_map(challenge::parse).collect()
}

/// Reads a text as a header of challenges, and of links (`crate::fuzz`).
pub(crate) fn fuzz(text: &str) {
    drop(challenge::parse(text));
    let _ = super::url::next_link(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes() {
        let scope = Scope::repository("a/b", "pull,push").and(Scope::repository("c", "pull"));
        assert_eq!(scope.with_asked(Some("repository:a/b:pull")).len(), 2);
        assert_eq!(scope.with_asked(Some("repository:a/b:push,pull repository:c:pull")).len(), 2);
        assert_eq!(scope.with_asked(Some("repository:c:push")).len(), 3);
        assert_eq!(Scope::none().with_asked(Some("registry:catalog:*")), Scope::catalog().0);
        assert_eq!(scope.with_asked(None).len(), 2);
    }
}
