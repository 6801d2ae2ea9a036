//! Which proxy a request goes through.

use std::net::IpAddr;

use super::network::Network;

/// Proxies, as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` give them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For plain HTTP.
    pub http: Option<String>,
    /// For HTTPS.
    pub https: Option<String>,
    /// Whom to reach without: names (with what is below them), `.names` (only what is below), addresses, networks,
    /// each also with a port; `*` is everybody.
    pub none: Option<String>,
}

impl Proxies {
    /// The proxy for a host, where there is one. Loopback is always reached directly, as Go's clients do.
    pub(super) fn choose(&self, https: bool, host: &str, port: u16) -> Option<&str> {
        let proxy = if https { self.https.as_deref() } else { self.http.as_deref() };
        let proxy = proxy.filter(|text| !text.is_empty())?;
        (!self.excepts(host, port)).then_some(proxy)
    }

    fn excepts(&self, host: &str, port: u16) -> bool {
        let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok();
        if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
            return true;
        }
        let rules = self.none.as_deref().unwrap_or("").split([',', ' ']).map(str::trim);
        rules.filter(|rule| !rule.is_empty()).any(|rule| excepts(rule, &host, address, port))
    }
}

fn excepts(rule: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if rule == "*" {
        return true;
    }
    if let (Some(network), Some(address)) = (Network::parse(rule), address) {
        return network.contains(address);
    }
    let rule = rule.to_ascii_lowercase();
    let rule = match rule.rsplit_once(':') {
        Some((name, wanted)) if !name.contains(':') && wanted.parse() == Ok(port) => name,
        Some((name, _)) if !name.contains(':') => return false,
        _ => &rule,
    };
    match rule.strip_prefix("*.").or_else(|| rule.strip_prefix('.')) {
        Some(domain) => host.strip_suffix(domain).is_some_and(|sub| sub.ends_with('.') && sub.len() > 1),
        None => host == rule || host.strip_suffix(rule).is_some_and(|sub| sub.ends_with('.')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_reached_directly() {
        let proxies = Proxies {
            http: Some("http://p:1".into()),
            https: Some("http://p:2".into()),
            none: Some("example.com, .only.below,10.0.0.0/8,host:5000,fd00::/8".into()),
        };
        for (https, host, port, expected) in [
            (true, "quay.io", 443, Some("http://p:2")),
            (false, "quay.io", 80, Some("http://p:1")),
            (true, "example.com", 443, None),
            (true, "EXAMPLE.com.", 443, None),
            (true, "sub.example.com", 443, None),
            (true, "notexample.com", 443, Some("http://p:2")),
            (true, "only.below", 443, Some("http://p:2")),
            (true, "x.only.below", 443, None),
            (true, "10.1.2.3", 443, None),
            (true, "11.1.2.3", 443, Some("http://p:2")),
            (true, "host", 5000, None),
            (true, "host", 443, Some("http://p:2")),
            (true, "[fd00::1]", 443, None),
            (false, "localhost", 5000, None),
            (false, "127.0.0.1", 5000, None),
            (false, "[::1]", 5000, None),
        ] {
            assert_eq!(proxies.choose(https, host, port), expected, "{host}:{port}");
        }
        assert_eq!(Proxies::default().choose(true, "quay.io", 443), None);
        let all = Proxies { none: Some("*".into()), ..proxies };
        assert_eq!(all.choose(true, "quay.io", 443), None);
    }
}
