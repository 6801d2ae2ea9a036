//! JSON of a specification, read strictly.
//!
//! The deserializers that serde derives take an array for an object: `"memory": []` would be a memory limit with no
//! limits in it. [`Strict`] goes between the format and the types, and asks for a map where a type is a struct. It
//! compiles to nothing but that.

use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Visitor,
};

use super::{Process, Resources, Spec};

// One function for each document, none of them generic: what is generic would be compiled once more in each crate that
// calls it, 100 KB for a configuration.

/// Reads a configuration (`config.json`); an error names the line, the column and the field.
pub fn spec_from_json(text: &str) -> serde_json::Result<Spec<'_>> {
    from_json(text)
}

/// Reads a process (`exec --process`).
pub fn process_from_json(text: &str) -> serde_json::Result<Process<'_>> {
    from_json(text)
}

/// Reads limits (`update --resources`).
pub fn resources_from_json(text: &str) -> serde_json::Result<Resources<'_>> {
    from_json(text)
}

pub(crate) fn from_json<'de, T: Deserialize<'de>>(text: &'de str) -> serde_json::Result<T> {
    let mut format = serde_json::Deserializer::from_str(text);
    let value = T::deserialize(Strict(&mut format))?;
    format.end()?;
    Ok(value)
}

/// Anything that takes part in the reading, made strict.
struct Strict<T>(T);

/// Passes methods of a deserializer on, each with a strict visitor.
macro_rules! pass_on {
    ($($method:ident($($argument:ident: $kind:ty),*))*) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $kind,)* visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method($($argument,)* Strict(visitor))
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    pass_on! {
        deserialize_any() deserialize_bool()
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_char()
        deserialize_str() deserialize_string() deserialize_bytes() deserialize_byte_buf()
        deserialize_option() deserialize_unit() deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str)
        deserialize_seq() deserialize_tuple(length: usize)
        deserialize_tuple_struct(name: &'static str, length: usize)
        deserialize_map() deserialize_enum(name: &'static str, variants: &'static [&'static str])
        deserialize_identifier() deserialize_ignored_any()
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Strict(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// Passes plain values on as they are.
macro_rules! plain {
    ($($method:ident($kind:ty))*) => {
        $(fn $method<E: de::Error>(self, value: $kind) -> Result<V::Value, E> {
            self.0.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Strict<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.expecting(formatter)
    }

    plain! {
        visit_bool(bool) visit_char(char)
        visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128)
        visit_f32(f32) visit_f64(f64)
        visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
        visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Strict(deserializer))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Strict(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Strict(access))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Strict(access))
    }

    /// Enums of the specification are plain words: nothing lies in them.
    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(access)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::from_json;
    use crate::spec::Spec;

    #[test]
    fn an_array_is_no_object_at_any_depth() {
        for text in [
            r#"["1.0.0"]"#,
            r#"{"ociVersion": "1.0.0", "hooks": []}"#,
            r#"{"ociVersion": "1.0.0", "process": {"user": [0, 0], "cwd": "/"}}"#,
            r#"{"ociVersion": "1.0.0", "mounts": [["/data"]]}"#,
            r#"{"ociVersion": "1.0.0", "linux": {"resources": {"memory": []}}}"#,
            r#"{"ociVersion": "1.0.0", "linux": {"netDevices": {"eth0": ["x"]}}}"#,
        ] {
            let error = from_json::<Spec<'_>>(text).unwrap_err().to_string();
            assert!(error.contains("invalid type: sequence, expected struct"), "{text}: {error}");
            assert!(error.contains("line 1 column"), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_right_is_read_and_what_follows_it_is_refused() {
        let text =
            r#"{"ociVersion": "1.0.0", "hooks": null, "mounts": [{"destination": "/a\n"}], "unknown": [{}]}"#;
        let spec = from_json::<Spec<'_>>(text).unwrap();
        assert_eq!(spec, serde_json::from_str(text).unwrap());
        assert_eq!(spec.mounts[0].destination, "/a\n");
        assert!(from_json::<Spec<'_>>(&format!("{text} x")).is_err());
    }
}
