//! Users and groups of an image that is made from the host: those of the system, not its people.

/// The first id that is given to people, and the one of nobody.
const FIRST_PERSON: u32 = 1000;
const NOBODY: u32 = 65534;

/// The lines of `/etc/passwd` or `/etc/group` that belong to the system. Password fields are blanked.
pub(super) fn of_the_system(text: &str) -> String {
    let mut kept = String::new();
    for line in text.lines() {
        let mut fields: Vec<&str> = line.split(':').collect();
        let id = fields.get(2).and_then(|id| id.parse::<u32>().ok());
        if !id.is_some_and(|id| id < FIRST_PERSON || id == NOBODY) {
            continue;
        }
        fields[1] = "x";
        // A group: its members may be people.
        if fields.len() == 4 {
            fields[3] = "";
        }
        kept.push_str(&fields.join(":"));
        kept.push('\n');
    }
    kept
}

/// The services that `/etc/nsswitch.conf` names for what programs commonly ask.
pub(super) fn services(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or("");
        let Some((database, services)) = line.split_once(':') else { continue };
        if !matches!(database.trim(), "passwd" | "group" | "shadow" | "hosts" | "services" | "protocols") {
            continue;
        }
        for service in services.split_whitespace().filter(|service| !service.starts_with('[')) {
            if !found.iter().any(|known| known == service) {
                found.push(service.to_owned());
            }
        }
    }
    found
}
