//! What host names, paths and tags are made of.

/// The longest host and path together that registries and clients agree on.
const MAX_NAME: usize = 255;

/// Splits `host/path`, where the first part can only be a host: it has a dot or a port, is `localhost`, or has capitals,
/// which no path has.
pub(super) fn split_host(name: &str) -> Option<(&str, &str)> {
    let (first, rest) = name.split_once('/')?;
    let host = first.contains(['.', ':'])
        || first == "localhost"
        || first.bytes().any(|byte| byte.is_ascii_uppercase());
    host.then_some((first, rest))
}

/// Whether it is the id of an image rather than a name.
pub(super) fn is_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `name`, `name:port`, `[::1]:port`.
pub(super) fn is_host(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        let port = match port.strip_prefix(':') {
            Some(port) => is_port(port),
            None => port.is_empty(),
        };
        return port && address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    port.is_none_or(is_port) && name.len() <= 253 && name.split('.').all(is_label)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_label(label: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !label.is_empty() && label.bytes().all(inside) && !label.starts_with('-') && !label.ends_with('-')
}

/// Whether it is a path of a repository, else what is wrong with it.
pub(super) fn check_path(path: &str) -> Result<(), &'static str> {
    if path.len() > MAX_NAME {
        return Err("its name is longer than 255 bytes");
    }
    if path.split('/').all(is_component) {
        return Ok(());
    }
    Err(match path {
        "" => "its name is empty",
        _ if path.bytes().any(|byte| byte.is_ascii_uppercase()) => "repository name must be lowercase",
        _ => "each part of its name must be of [a-z0-9], with single . or _, __, or - between",
    })
}

/// What to say of a host and path that are not valid.
pub(super) fn complaint(host: &str, path: &str) -> &'static str {
    if is_host(host) { check_path(path).err().unwrap_or("") } else { "its registry is no host name" }
}

/// Letters and digits, separated by one dot, one or two underscores, or any number of hyphens.
fn is_component(component: &str) -> bool {
    let mut separator = String::new();
    let mut before = false;
    for c in component.chars() {
        match c {
            'a'..='z' | '0'..='9' => {
                let legal = separator.is_empty()
                    || (before && (matches!(separator.as_str(), "." | "_" | "__") || is_dashes(&separator)));
                if !legal {
                    return false;
                }
                before = true;
                separator.clear();
            }
            '.' | '_' | '-' => separator.push(c),
            _ => return false,
        }
    }
    before && separator.is_empty()
}

fn is_dashes(separator: &str) -> bool {
    separator.bytes().all(|byte| byte == b'-')
}

/// At most 128 of letters, digits and `_.-`, beginning with none of the last two.
pub(super) fn is_tag(tag: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=128).contains(&tag.len()) && tag.bytes().all(inside) && !tag.starts_with(['.', '-'])
}
