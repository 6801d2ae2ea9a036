//! Addresses that registries send us to.

use ureq::http::Uri;

use crate::{Error, Result};

/// Where a `Location` or a link leads, seen from an address. Only HTTP and HTTPS lead anywhere.
pub(super) fn join(base: &Uri, location: &str) -> Result<Uri> {
    let bad = |why: &str| {
        let location = super::failure::plain(location);
        Error::invalid(format!("{base}: sends us to {location:?}: {why}"))
    };
    let location = location.trim();
    let scheme = base.scheme_str().unwrap_or("https");
    let authority = base.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let text = match location.split_once("://") {
        Some((given, _)) if given.eq_ignore_ascii_case("http") || given.eq_ignore_ascii_case("https") => {
            location.to_owned()
        }
        Some((given, _)) if given.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) => {
            return Err(bad("neither http nor https"));
        }
        _ if location.starts_with("//") => format!("{scheme}:{location}"),
        _ if location.starts_with('/') => format!("{scheme}://{authority}{location}"),
        _ if location.starts_with('?') => format!("{scheme}://{authority}{}{location}", base.path()),
        _ if location.is_empty() => return Err(bad("nowhere")),
        _ if location.split(['/', '?']).next().is_some_and(|first| first.contains(':')) => {
            return Err(bad("neither http nor https"));
        }
        _ => {
            let directory = base.path().rsplit_once('/').map_or("", |(directory, _)| directory);
            format!("{scheme}://{authority}{directory}/{location}")
        }
    };
    let text = text.split('#').next().unwrap_or_default();
    let uri: Uri = text.parse().map_err(|_| bad("no valid address"))?;
    match (uri.host(), uri.authority()) {
        (Some(host), Some(authority)) if !host.is_empty() && !authority.as_str().contains('@') => Ok(uri),
        _ => Err(bad("no valid address")),
    }
}

/// Whether two addresses are of one server, so that what is for the one may be shown to the other.
pub(super) fn same_origin(one: &Uri, other: &Uri) -> bool {
    let port = |uri: &Uri| uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    one.scheme_str() == other.scheme_str() && host(one) == host(other) && port(one) == port(other)
}

/// Text as part of a query (RFC 3986): all but unreserved characters is escaped.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// An address with one more field in its query.
pub(super) fn with_query(uri: &Uri, field: &str, value: &str) -> Result<Uri> {
    let text = uri.to_string();
    let mark = if uri.query().is_some() { '&' } else { '?' };
    format!("{text}{mark}{field}={}", escape(value))
        .parse()
        .map_err(|error| Error::invalid(format!("address {text:?}: {error}")))
}

/// The address of the next page in a `Link` header (RFC 8288): `<…>; rel="next"`.
pub(super) fn next_link(header: &str) -> Option<&str> {
    header.split(',').find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let next = parameters.split(';').any(|parameter| {
            let (name, value) = parameter.trim().split_once('=').unwrap_or_default();
            name.eq_ignore_ascii_case("rel") && value.trim_matches('"').eq_ignore_ascii_case("next")
        });
        next.then_some(target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_locations_lead() {
        let base: Uri = "https://r.example:5000/v2/a/blobs/uploads/1?x=y".parse().unwrap();
        for (location, expected) in [
            ("/v2/b?c=d", "https://r.example:5000/v2/b?c=d"),
            ("http://cdn.example/b#frag", "http://cdn.example/b"),
            ("HTTPS://cdn.example/b", "https://cdn.example/b"),
            ("//cdn.example/b", "https://cdn.example/b"),
            ("2?z", "https://r.example:5000/v2/a/blobs/uploads/2?z"),
            ("?n=1", "https://r.example:5000/v2/a/blobs/uploads/1?n=1"),
            ("b/http://x", "https://r.example:5000/v2/a/blobs/uploads/b/http://x"),
        ] {
            assert_eq!(join(&base, location).unwrap().to_string(), expected, "{location}");
        }
        for location in [
            "",
            "file:///etc/passwd",
            "FILE:///etc/passwd",
            "file:/etc/passwd",
            "javascript:alert(1)",
            "unix://x/y",
            "http://",
            "https:///path",
            "http://user:password@host/",
            "/a b",
            "/a\u{7}b",
        ] {
            let error = join(&base, location).unwrap_err().to_string();
            assert!(error.contains("sends us to"), "{location:?}: {error}");
        }
    }

    #[test]
    fn origins_links_and_escapes() {
        let same = |one: &str, other: &str| same_origin(&one.parse().unwrap(), &other.parse().unwrap());
        assert!(same("https://a.example/x", "https://A.example:443/y"));
        assert!(!same("https://a.example/x", "http://a.example/x"));
        assert!(!same("https://a.example/", "https://b.a.example/"));
        assert!(!same("https://a.example/", "https://a.example:444/"));
        assert_eq!(next_link(r#"</v2/x?last=a>; rel="next""#), Some("/v2/x?last=a"));
        assert_eq!(next_link(r#"<a>; rel=prev, <b>; title=t; rel=next"#), Some("b"));
        for header in ["", "<a>", "a; rel=next", r#"<a; rel="next""#] {
            assert_eq!(next_link(header), None, "{header}");
        }
        assert_eq!(escape("repository:a/b:pull,push ü"), "repository%3Aa%2Fb%3Apull%2Cpush%20%C3%BC");
        let uri: Uri = "https://a.example/u?s=1".parse().unwrap();
        assert_eq!(
            with_query(&uri, "digest", "a:b").unwrap().to_string(),
            "https://a.example/u?s=1&digest=a%3Ab"
        );
    }
}
