//! Values of the data model and values of the bus.

use std::collections::HashMap;

use serde::{Serialize, Serializer};
use zbus::{OwnedVariant, Signature, Type, Variant};

use super::Dictionary;
use crate::data_model::door::Flat;
use crate::data_model::{Fault, Value, code};
use crate::flat::FlatMap;

/// As the bus has them: `b`, `i`, `u`, `s`; `t` for the counters of statistics, and `x` and `t` for what does not fit
/// otherwise.
pub(super) struct Variants<'a>(pub(super) &'a Flat);

impl Serialize for Variants<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The whole tree has thousands of them: none is copied.
        serializer.collect_map(self.0.0.iter().map(|(path, value)| (path, variant(path, value))))
    }
}

impl Type for Variants<'_> {
    const SIGNATURE: &'static Signature = Dictionary::SIGNATURE;
}

fn variant<'a>(path: &str, value: &'a Value) -> Variant<'a> {
    match value {
        Value::Boolean(value) => (*value).into(),
        Value::Int(value) => i32::try_from(*value).map_or_else(|_| (*value).into(), Into::into),
        Value::Unsigned(value) if path.contains(".Stats.") => (*value).into(),
        Value::Unsigned(value) => u32::try_from(*value).map_or_else(|_| (*value).into(), Into::into),
        Value::Text(text) => text.as_str().into(),
    }
}

/// What somebody sent, by path or name.
pub(super) fn taken(values: HashMap<String, OwnedVariant>) -> Result<FlatMap<String, Value>, Fault> {
    values
        .into_iter()
        .map(|(path, value)| match of_variant(&value) {
            Some(taken) => Ok((path, taken)),
            None => {
                let signature = value.value_signature().to_string();
                Err(Fault::new(
                    code::TYPE,
                    path,
                    format!(
                        "a value of the D-Bus type {signature:?} is not taken; accepted: b, a number or s"
                    ),
                ))
            }
        })
        .collect()
}

fn of_variant(value: &Variant<'_>) -> Option<Value> {
    Some(match value {
        Variant::Bool(value) => (*value).into(),
        Variant::U8(value) => u32::from(*value).into(),
        Variant::U16(value) => u32::from(*value).into(),
        Variant::U32(value) => (*value).into(),
        Variant::U64(value) => (*value).into(),
        Variant::I16(value) => Value::Int((*value).into()),
        Variant::I32(value) => Value::Int((*value).into()),
        Variant::I64(value) => Value::Int(*value),
        Variant::Str(text) => text.as_str().into(),
        Variant::Variant(inner) => return of_variant(inner),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_model::schema::Kind;
    use crate::data_model::tables::OBJECTS;

    #[test]
    fn what_has_64_bits_is_a_statistic() {
        for object in &OBJECTS {
            let long = object.parameters.iter().any(|parameter| parameter.kind == Kind::Long);
            assert!(!long || object.path.ends_with(".Stats."), "{}", object.path);
        }
    }

    #[test]
    fn a_value_that_went_over_the_bus_is_the_same() {
        for value in [
            Value::from(true),
            7_u32.into(),
            u64::MAX.into(),
            Value::Int(-1),
            Value::Int(i64::MIN),
            "x".into(),
        ] {
            assert_eq!(of_variant(&variant("Device.X", &value)), Some(value));
        }
        let all = u64::MAX;
        assert_eq!(of_variant(&variant("Device.A.1.Stats.X", &all.into())), Some(all.into()));
        assert_eq!(of_variant(&Variant::F64(1.5)), None);
    }
}
