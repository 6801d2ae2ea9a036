//! `barque events`.

use std::time::Duration;

use barque_engine::Places;
use barque_engine::events::{Event, Reader};
use barque_engine::log::{Timestamp, Wake};
use serde_json::{Value, json};

use crate::commands::filters::Filters;
use crate::flags::Parsed;
use crate::format::Template;
use crate::value::moment;
use crate::{Error, Result, console};

/// How a line looks.
enum Form {
    Plain,
    Json,
    Template(Template),
}

/// Shows what happens, until somebody ends it or `--until` has come.
pub(super) fn events(flags: &Parsed, places: &Places) -> Result<i32> {
    let now = Timestamp::now();
    let point = |name: &str| {
        let read = |text| {
            moment(text, now).map_err(|why| Error::invalid(format!("invalid value for {name:?}: {why}")))
        };
        flags.value(name).filter(|text| !text.is_empty()).map(read).transpose()
    };
    let (since, until) = (point("since")?, point("until")?);
    let filters = Filters::read(flags, &["type", "event", "container", "image", "label", "volume"])?;
    let form = match flags.value("format") {
        None | Some("") => Form::Plain,
        Some("json") => Form::Json,
        Some(text) => Form::Template(Template::lenient(text)?),
    };
    let watch = Reader::watch(places)?;
    let mut reader =
        if since.is_some() || until.is_some() { Reader::open(places)? } else { Reader::open_at_end(places)? };
    loop {
        while let Some(event) = reader.read()? {
            let at = time(&event);
            let early = since.is_some_and(|since| at < since.nanoseconds());
            let late = until.is_some_and(|until| at > until.nanoseconds());
            if !early && !late && fits(&filters, &event) {
                console::out(&line(&form, &event)?);
            }
        }
        let left = until.map(|until| until.nanoseconds().saturating_sub(Timestamp::now().nanoseconds()));
        if left.is_some_and(|left| left <= 0) {
            return Ok(0);
        }
        let left = left.and_then(|left| u64::try_from(left).ok()).map(Duration::from_nanos);
        if watch.wait(None, left)? == Wake::Ended {
            return Ok(0);
        }
    }
}

fn time(event: &Event) -> i64 {
    Timestamp::from_seconds(i64::try_from(event.time.0).unwrap_or(i64::MAX), event.time.1).nanoseconds()
}

/// Of one filter's values any, of several filters all.
fn fits(filters: &Filters, event: &Event) -> bool {
    let any = |key: &str, fits: &dyn Fn(&str) -> bool| {
        let mut values = filters.all(key).peekable();
        values.peek().is_none() || values.any(fits)
    };
    let attribute = |key: &str| event.attributes.get(key).map(String::as_str);
    // Docker: `exec_start: ls` is an `exec_start`.
    let action = event.action.split(':').next().unwrap_or_default();
    let of = |kind: &str, wanted: &str| {
        event.kind == kind
            && (attribute("name") == Some(wanted) || (!wanted.is_empty() && event.id.starts_with(wanted)))
    };
    any("type", &|kind| event.kind == kind)
        && any("event", &|wanted| action == wanted || event.action == wanted)
        && any("container", &|wanted| of("container", wanted))
        && any("volume", &|wanted| of("volume", wanted))
        && any("image", &|wanted| of("image", wanted) || attribute("image") == Some(wanted))
        && filters.all("label").all(|label| crate::commands::filters::has_label(&event.attributes, label))
}

fn line(form: &Form, event: &Event) -> Result<String> {
    match form {
        Form::Plain => Ok(plain(event)),
        Form::Json => Ok(format!("{}\n", object(event))),
        Form::Template(template) => Ok(format!("{}\n", template.execute(&object(event))?)),
    }
}

/// Docker's line.
fn plain(event: &Event) -> String {
    let attributes: Vec<String> =
        event.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let more = if attributes.is_empty() { String::new() } else { format!(" ({})", attributes.join(", ")) };
    let seconds = i64::try_from(event.time.0).unwrap_or(i64::MAX);
    let time = Timestamp::from_seconds(seconds, event.time.1);
    format!("{time} {} {} {}{more}\n", event.kind, event.action, event.id)
}

/// Docker's object.
fn object(event: &Event) -> Value {
    let mut object = json!({
        "Type": event.kind,
        "Action": event.action,
        "Actor": { "ID": event.id, "Attributes": event.attributes },
        "scope": "local",
        "time": event.time.0,
        "timeNano": time(event),
    });
    if event.kind == "container" {
        object["status"] = event.action.clone().into();
        object["id"] = event.id.clone().into();
        object["from"] = event.attributes.get("image").cloned().unwrap_or_default().into();
    }
    object
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use barque_engine::Time;

    use super::*;
    use crate::flags::{Outcome, parse, system::EVENTS};

    fn event() -> Event {
        Event {
            time: Time(1_700_000_000, 5),
            kind: "container".to_owned(),
            action: "die".to_owned(),
            id: "0123456789ab".to_owned(),
            attributes: BTreeMap::from(
                [("name", "web"), ("image", "debian:12"), ("exitCode", "1"), ("tier", "front")]
                    .map(|(key, value)| (key.to_owned(), value.to_owned())),
            ),
        }
    }

    #[test]
    fn lines_as_docker_has_them() {
        assert_eq!(
            plain(&event()),
            "2023-11-14T22:13:20.000000005Z container die 0123456789ab (exitCode=1, image=debian:12, name=web, tier=front)\n"
        );
        let object = object(&event());
        assert_eq!(object["Actor"]["Attributes"]["exitCode"], "1");
        assert_eq!(
            (&object["status"], &object["timeNano"]),
            (&json!("die"), &json!(1_700_000_000_000_000_005_i64))
        );
    }

    #[test]
    fn filters_choose() {
        for (line, expected) in [
            ("", true),
            ("--filter type=container", true),
            ("--filter type=volume", false),
            ("--filter event=die --filter event=start", true),
            ("--filter event=start", false),
            ("--filter container=web", true),
            ("--filter container=0123", true),
            ("--filter container=we", false),
            ("--filter image=debian:12", true),
            ("--filter label=tier", true),
            ("--filter label=tier=back", false),
            ("--filter type=container --filter event=start", false),
        ] {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let Outcome::Args(flags) = parse(&EVENTS, &words).unwrap() else { panic!("help") };
            let filters =
                Filters::read(&flags, &["type", "event", "container", "image", "label", "volume"]).unwrap();
            assert_eq!(fits(&filters, &event()), expected, "{line}");
        }
    }
}
