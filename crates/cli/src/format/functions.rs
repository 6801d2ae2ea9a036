//! Docker's functions for templates, beside Go's own.

use std::sync::Arc;

use gotmpl::{TemplateError, Value};
use serde_json::Value as Json;

type Answer = Result<Value, TemplateError>;
type Function = fn(&[Value]) -> Answer;

/// Every function that Docker adds.
pub(super) const FUNCTIONS: [(&str, Function); 9] = [
    ("json", json),
    ("split", split),
    ("join", join),
    ("title", title),
    ("lower", lower),
    ("upper", upper),
    ("pad", pad),
    ("truncate", truncate),
    ("index", index),
];

/// A row's or an object's value.
pub(super) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(on) => Value::Bool(*on),
        Json::Number(number) => number
            .as_i64()
            .map(Value::Int)
            .or_else(|| number.as_u64().map(Value::Uint))
            .unwrap_or_else(|| Value::Float(number.as_f64().unwrap_or(0.0))),
        Json::String(text) => Value::String(text.as_str().into()),
        Json::Array(list) => Value::List(list.iter().map(value).collect()),
        Json::Object(map) => {
            Value::Map(Arc::new(map.iter().map(|(key, item)| (key.as_str().into(), value(item))).collect()))
        }
    }
}

fn as_json(value: &Value) -> Json {
    match value {
        Value::Nil | Value::Function(_) => Json::Null,
        Value::Bool(on) => Json::Bool(*on),
        Value::Int(number) => Json::from(*number),
        Value::Uint(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::String(text) => Json::from(&**text),
        Value::List(list) => list.iter().map(as_json).collect(),
        Value::Map(map) => map.iter().map(|(key, item)| (key.to_string(), as_json(item))).collect(),
    }
}

fn wrong(function: &str, wants: &str) -> TemplateError {
    TemplateError::Exec(format!("error calling {function}: it takes {wants}"))
}

fn json(arguments: &[Value]) -> Answer {
    let [value] = arguments else { return Err(wrong("json", "one value")) };
    Ok(Value::String(as_json(value).to_string().into()))
}

fn split(arguments: &[Value]) -> Answer {
    let [Value::String(text), Value::String(separator)] = arguments else {
        return Err(wrong("split", "a text and a separator"));
    };
    let part = |part: &str| Value::String(part.into());
    Ok(Value::List(if separator.is_empty() {
        text.chars().map(|c| part(c.encode_utf8(&mut [0; 4]))).collect()
    } else {
        text.split(&**separator).map(part).collect()
    }))
}

fn join(arguments: &[Value]) -> Answer {
    let [Value::List(list), Value::String(separator)] = arguments else {
        return Err(wrong("join", "a list and a separator"));
    };
    let parts: Vec<String> = list.iter().map(ToString::to_string).collect();
    Ok(Value::String(parts.join(separator).into()))
}

fn text<'a>(function: &str, arguments: &'a [Value]) -> Result<&'a str, TemplateError> {
    match arguments {
        [Value::String(text)] => Ok(text),
        _ => Err(wrong(function, "a text")),
    }
}

fn lower(arguments: &[Value]) -> Answer {
    Ok(Value::String(text("lower", arguments)?.to_lowercase().into()))
}

fn upper(arguments: &[Value]) -> Answer {
    Ok(Value::String(text("upper", arguments)?.to_uppercase().into()))
}

/// The first letter of each word in upper case.
fn title(arguments: &[Value]) -> Answer {
    let mut inside = false;
    let titled: String = text("title", arguments)?
        .chars()
        .map(|c| {
            let first = !inside;
            inside = c.is_alphanumeric() || c == '_' || c == '\'';
            if first && inside { c.to_uppercase().next().unwrap_or(c) } else { c }
        })
        .collect();
    Ok(Value::String(titled.into()))
}

fn count(value: &Value) -> usize {
    value.as_int().and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
}

/// So many spaces before and after; nothing around nothing.
fn pad(arguments: &[Value]) -> Answer {
    let [Value::String(text), before, after] = arguments else {
        return Err(wrong("pad", "a text and two numbers"));
    };
    let padded = match &**text {
        "" => String::new(),
        text => format!("{}{text}{}", " ".repeat(count(before)), " ".repeat(count(after))),
    };
    Ok(Value::String(padded.into()))
}

fn truncate(arguments: &[Value]) -> Answer {
    let [Value::String(text), length] = arguments else {
        return Err(wrong("truncate", "a text and a length"));
    };
    Ok(Value::String(text.chars().take(count(length)).collect::<String>().into()))
}

/// Go's own, but a name that a map of texts lacks (`index .Config.Labels "x"`) is the empty text, as with Go's typed maps.
fn index(arguments: &[Value]) -> Answer {
    let [first, rest @ ..] = arguments else { return Err(wrong("index", "a list or map, and where")) };
    let mut at = first.clone();
    for key in rest {
        let empty = matches!(&at, Value::Nil)
            || matches!((&at, key), (Value::Map(map), Value::String(key)) if !map.contains_key(key)
                && map.values().all(|value| matches!(value, Value::String(_))));
        at = if empty { Value::String("".into()) } else { at.index(key)? };
    }
    Ok(at)
}
