//! Whom to trust, and what to show: certificates from files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};

use crate::{Context as _, Error, ErrorKind, Result};

/// Where distributions keep the certificates of authorities, the first that is there.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/var/lib/ca-certificates/ca-bundle.pem",
];

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// How to speak TLS with a registry. `lax`: its certificate is not looked at.
pub(super) fn config(
    host: &str,
    lax: bool,
    directories: &[PathBuf],
    roots: Option<&Path>,
) -> Result<TlsConfig> {
    let own = Own::read(host, directories)?;
    let mut builder = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider())
        .disable_verification(lax);
    if !lax {
        let mut trusted = system(roots)?;
        trusted.extend(own.trusted);
        if trusted.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                "no certificates of authorities to trust are installed",
            )
            .hint("install the package ca-certificates, or name a bundle in SSL_CERT_FILE"));
        }
        let trusted: Vec<_> = trusted.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
        builder = builder.root_certs(RootCerts::new_with_certs(&trusted));
    } else {
        builder = builder.root_certs(RootCerts::new_with_certs(&[]));
    }
    Ok(builder.client_cert(own.shown).build())
}

fn system(roots: Option<&Path>) -> Result<Vec<CertificateDer<'static>>> {
    if let Some(path) = roots {
        return certificates(path);
    }
    match BUNDLES.iter().map(Path::new).find(|path| path.exists()) {
        Some(path) => certificates(path),
        None => Ok(Vec::new()),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let bytes = fs::read(path).map_err(|error| Error::from_io(error, format!("open({path:?})")))?;
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    found.map_err(|error| Error::invalid(format!("certificates in {path:?}: {error}")))
}

/// What the directories of a registry have.
#[derive(Default)]
struct Own {
    trusted: Vec<CertificateDer<'static>>,
    shown: Option<ClientCert>,
}

impl Own {
    fn read(host: &str, directories: &[PathBuf]) -> Result<Self> {
        let mut own = Self::default();
        for directory in directories {
            let directory = directory.join(host);
            let mut paths: Vec<PathBuf> = match fs::read_dir(&directory) {
                Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::from_io(error, format!("open({directory:?})"))),
            };
            paths.sort();
            for path in paths {
                match path.extension().and_then(|extension| extension.to_str()) {
                    Some("crt") => own.trusted.extend(certificates(&path)?),
                    Some("cert") if own.shown.is_none() => own.shown = Some(client(&path)?),
                    _ => {}
                }
            }
        }
        Ok(own)
    }
}

fn client(path: &Path) -> Result<ClientCert> {
    let chain = certificates(path)?;
    let key_path = path.with_extension("key");
    let bad = |error: &dyn std::fmt::Display| {
        Error::invalid(format!("key of the certificate {path:?} in {key_path:?}: {error}"))
    };
    let text = fs::read(&key_path).map_err(|error| Error::from_io(error, format!("open({key_path:?})")))?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| bad(&error))?;
    // The client library takes it for granted that they fit.
    rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_client_auth_cert(chain.clone(), key)
        })
        .map_err(|error| Error::invalid(error.to_string()))
        .context(|| format!("certificate {path:?} with {key_path:?}"))?;
    let chain: Vec<_> = chain.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let key = PrivateKey::from_pem(&text).map_err(|error| bad(&error))?;
    Ok(ClientCert::new_with_certs(&chain, key))
}
