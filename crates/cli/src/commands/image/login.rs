//! `barque login` and `barque logout`.

use std::io::Read as _;

use barque_image::reference::DEFAULT_HOST;
use barque_image::registry::{Credential, Kept};

use super::{config, told};
use crate::commands::Places;
use crate::commands::ask;
use crate::flags::Parsed;
use crate::{Error, Result, console};

/// The registry's host, of what somebody may have copied from a browser.
fn host(flags: &Parsed) -> String {
    let given = flags.positional().first().map_or("", String::as_str);
    let host = given.trim_start_matches("https://").trim_start_matches("http://");
    let host = host.split('/').next().unwrap_or(host);
    match host {
        "" | "index.docker.io" | "registry-1.docker.io" => DEFAULT_HOST.to_owned(),
        host => host.to_owned(),
    }
}

/// Logs in, and keeps what the registry wants to see the next time.
pub(super) fn login(flags: &Parsed, _: &Places) -> Result<i32> {
    let host = host(flags);
    let client = config::client()?;
    let credential = credential(flags, &host)?;
    let kept = client.login(&host, &credential).map_err(told)?;
    let store = &client.settings().credentials;
    if let Kept::File(path) = store.store(&host, &kept).map_err(told)? {
        console::err(&format!(
            "WARNING! Your credentials are stored unencrypted in '{}'.\n\
             Configure a credential helper to remove this warning: \"credsStore\" in that file.\n",
            path.display()
        ));
    }
    console::out("Login Succeeded\n");
    Ok(0)
}

fn credential(flags: &Parsed, host: &str) -> Result<Credential> {
    let failed = |error: std::io::Error| Error::invalid(format!("reading from standard input: {error}"));
    if flags.has("password") && flags.switch("password-stdin") {
        return Err(Error::invalid("conflicting options: --password and --password-stdin"));
    }
    if flags.switch("password-stdin") && !flags.has("username") {
        return Err(Error::invalid("Must provide --username with --password-stdin"));
    }
    let user = match flags.value("username") {
        Some(user) => user.to_owned(),
        None => {
            console::err(&format!("Username for {host}: "));
            ask::line().map_err(failed)?
        }
    };
    let password = match flags.value("password") {
        Some(password) => {
            console::err("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
            password.to_owned()
        }
        None if flags.switch("password-stdin") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(failed)?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
        None => ask::secret("Password: ").map_err(failed)?,
    };
    if user.is_empty() || password.is_empty() {
        return Err(Error::invalid("username and password must not be empty"));
    }
    Ok(Credential::Password { user, password })
}

/// Forgets a login.
pub(super) fn logout(flags: &Parsed, _: &Places) -> Result<i32> {
    let host = host(flags);
    let client = config::client()?;
    if client.settings().credentials.erase(&host).map_err(told)? {
        console::out(&format!("Removing login credentials for {host}\n"));
    } else {
        console::out(&format!("Not logged in to {host}\n"));
    }
    Ok(0)
}
