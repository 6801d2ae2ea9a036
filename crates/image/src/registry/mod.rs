//! Registries: a client of the OCI distribution specification 1.1, and of what Docker's registries do besides.
//!
//! HTTP and TLS are `ureq`'s and `rustls`'s. Nothing here prints, reads the environment or knows where files usually are:
//! [`Settings`] says all that. Whatever a registry answers, a digest decides whether it is what was asked for.
//!
//! | what | where |
//! | --- | --- |
//! | one exchange, connections, proxies, trust | `transport`, `tls`, `proxies`, `resolver` |
//! | who we are | `auth`, `credentials` |
//! | redirects, other attempts, mirrors | `client`, `retry`, `hosts` |
//! | what can be asked for | `manifest`, `fetch`, `push`, `list`, `referrers`, `search`, `login` |

mod auth;
mod client;
mod credentials;
mod endpoint;
mod failure;
mod fetch;
mod hosts;
mod list;
mod login;
mod manifest;
mod network;
mod proxies;
mod push;
mod referrers;
mod resolver;
mod retry;
mod search;
mod settings;
mod tls;
mod transport;
mod url;

pub(crate) use auth::fuzz as fuzz_challenge;
pub use client::Client;
pub use credentials::{Credential, Credentials, Kept};
pub use hosts::Hosts;
pub use manifest::Document;
pub use proxies::Proxies;
pub use push::Pushed;
pub(crate) use resolver::fuzz as fuzz_resolver;
pub use search::Found;
pub use settings::{LEAST, NameFiles, Settings, Timeouts};
