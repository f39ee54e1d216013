//! serde's way into MessagePack that [`check`](super::check) has accepted.
//!
//! Each type is read as what it says it is: a struct from a map with field names only, a number from a number. The
//! deserializer of `rmp-serde` asks the bytes instead, and therefore carries every way to read every type: some 300 KB
//! in the daemon, and as much in proportion in each shim and each module.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer as _, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{LIMITS, Limits, MAX_DEPTH, end_of_value};

/// Reads one value after the other.
pub(super) struct Reader<'de> {
    rest: &'de [u8],
}

/// What serde says of a value that is not the expected type.
#[derive(Debug)]
pub(super) struct Shape(pub(super) String);

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Shape {}

impl serde::de::Error for Shape {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// A value, or the beginning of a container with so many elements or entries.
#[derive(Debug, Clone, Copy)]
enum Token<'de> {
    Nil,
    Flag(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(&'de str),
    Bytes(&'de [u8]),
    Array(usize),
    Map(usize),
}

impl<'de> Token<'de> {
    /// That it is not what the type is.
    fn wrong(self, expected: &dyn serde::de::Expected) -> Shape {
        let found = match self {
            Self::Nil => Unexpected::Unit,
            Self::Flag(flag) => Unexpected::Bool(flag),
            Self::Unsigned(number) => Unexpected::Unsigned(number),
            Self::Negative(number) => Unexpected::Signed(number),
            Self::Float(number) => Unexpected::Float(number),
            Self::Text(text) => Unexpected::Str(text),
            Self::Bytes(bytes) => Unexpected::Bytes(bytes),
            Self::Array(_) => Unexpected::Seq,
            Self::Map(_) => Unexpected::Map,
        };
        Shape::invalid_type(found, expected)
    }

    fn number<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        match self {
            Self::Unsigned(number) => visitor.visit_u64(number),
            Self::Negative(number) => visitor.visit_i64(number),
            other => Err(other.wrong(&visitor)),
        }
    }
}

impl<'de> Reader<'de> {
    /// Reads bytes that were checked.
    pub(super) fn new(checked: &'de [u8]) -> Self {
        Self { rest: checked }
    }

    fn take(&mut self, len: usize) -> Result<&'de [u8], Shape> {
        match self.rest.split_at_checked(len) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(Shape("it ends within a value".to_owned())),
        }
    }

    /// A big-endian number of up to 8 bytes.
    fn digits(&mut self, count: usize) -> Result<u64, Shape> {
        Ok(self.take(count)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The same with a sign.
    fn signed(&mut self, count: usize) -> Result<Token<'de>, Shape> {
        let unused = 64 - 8 * count;
        let number = (self.digits(count)? << unused).cast_signed() >> unused;
        Ok(u64::try_from(number).map_or(Token::Negative(number), Token::Unsigned))
    }

    fn length(&mut self, count: usize) -> Result<usize, Shape> {
        usize::try_from(self.digits(count)?).map_err(|_| Shape("a length is too large".to_owned()))
    }

    fn text(&mut self, len: usize) -> Result<Token<'de>, Shape> {
        let text = std::str::from_utf8(self.take(len)?);
        text.map(Token::Text).map_err(|_| Shape("text is not UTF-8".to_owned()))
    }

    fn next(&mut self) -> Result<Token<'de>, Shape> {
        let marker = self.take(1)?.first().copied().unwrap_or_default();
        let small = |mask: u8| usize::from(marker & mask);
        Ok(match marker {
            0x00..=0x7f => Token::Unsigned(marker.into()),
            0xe0..=0xff => Token::Negative(marker.cast_signed().into()),
            0x80..=0x8f => Token::Map(small(0x0f)),
            0x90..=0x9f => Token::Array(small(0x0f)),
            0xa0..=0xbf => self.text(small(0x1f))?,
            0xc0 => Token::Nil,
            0xc2 | 0xc3 => Token::Flag(marker == 0xc3),
            // 1, 2, 4 and 8 bytes.
            0xcc..=0xcf => Token::Unsigned(self.digits(1 << (marker - 0xcc))?),
            0xd0..=0xd3 => self.signed(1 << (marker - 0xd0))?,
            0xca => Token::Float(f32::from_bits(self.digits(4)? as u32).into()),
            0xcb => Token::Float(f64::from_bits(self.digits(8)?)),
            0xc4..=0xc6 => {
                let len = self.length(1 << (marker - 0xc4))?;
                Token::Bytes(self.take(len)?)
            }
            0xd9..=0xdb => {
                let len = self.length(1 << (marker - 0xd9))?;
                self.text(len)?
            }
            0xdc | 0xdd => Token::Array(self.length(2 << (marker - 0xdc))?),
            0xde | 0xdf => Token::Map(self.length(2 << (marker - 0xde))?),
            0xc1 | 0xc7..=0xc9 | 0xd4..=0xd8 => {
                return Err(Shape("no message has extension types".to_owned()));
            }
        })
    }

    fn sequence<V: Visitor<'de>>(&mut self, left: usize, visitor: V) -> Result<V::Value, Shape> {
        let mut elements = Elements { reader: self, left };
        let value = visitor.visit_seq(&mut elements)?;
        elements.end(left)?;
        Ok(value)
    }

    fn map<V: Visitor<'de>>(&mut self, left: usize, visitor: V) -> Result<V::Value, Shape> {
        let mut entries = Elements { reader: self, left };
        let value = visitor.visit_map(&mut entries)?;
        entries.end(left)?;
        Ok(value)
    }
}

macro_rules! read_numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
            self.next()?.number(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Shape;

    fn is_human_readable(&self) -> bool {
        true
    }

    /// For types that take whatever there is.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        match self.next()? {
            Token::Nil => visitor.visit_unit(),
            Token::Flag(flag) => visitor.visit_bool(flag),
            Token::Unsigned(number) => visitor.visit_u64(number),
            Token::Negative(number) => visitor.visit_i64(number),
            Token::Float(number) => visitor.visit_f64(number),
            Token::Text(text) => visitor.visit_borrowed_str(text),
            Token::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Token::Array(len) => self.sequence(len, visitor),
            Token::Map(len) => self.map(len, visitor),
        }
    }

    read_numbers! {
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
    }

    forward_to_deserialize_any! { i128 u128 char unit unit_struct }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        match self.next()? {
            Token::Float(number) => visitor.visit_f64(number),
            other => other.number(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        match self.next()? {
            Token::Flag(flag) => visitor.visit_bool(flag),
            other => Err(other.wrong(&visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        match self.next()? {
            Token::Text(text) => visitor.visit_borrowed_str(text),
            other => Err(other.wrong(&visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        match self.next()? {
            Token::Text(text) => visitor.visit_str(text),
            other => Err(other.wrong(&visitor)),
        }
    }

    /// Bytes, and what a module in another language may have written instead.
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        match self.next()? {
            Token::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Token::Text(text) => visitor.visit_borrowed_str(text),
            Token::Array(len) => self.sequence(len, visitor),
            other => Err(other.wrong(&visitor)),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        const NIL: u8 = 0xc0;
        if self.rest.first() == Some(&NIL) {
            self.next()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Shape> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        match self.next()? {
            Token::Array(len) => self.sequence(len, visitor),
            other => Err(other.wrong(&visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Shape> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Shape> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        match self.next()? {
            Token::Map(len) => self.map(len, visitor),
            other => Err(other.wrong(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Shape> {
        self.deserialize_map(visitor)
    }

    /// A text for a variant without values, else a map of one entry.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Shape> {
        match self.next()? {
            Token::Text(text) => {
                let variant: StrDeserializer<'_, Shape> = text.into_deserializer();
                visitor.visit_enum(variant)
            }
            Token::Map(1) => visitor.visit_enum(self),
            other => Err(other.wrong(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        // What was within the limits as a whole is so in each part.
        let limits = Limits { bytes: usize::MAX, depth: MAX_DEPTH, elements: usize::MAX };
        let end = end_of_value(self.rest, &limits).map_err(Shape::custom)?;
        self.take(end)?;
        visitor.visit_unit()
    }
}

/// The elements of an array, or the entries of a map.
struct Elements<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: usize,
}

impl<'de> Elements<'_, 'de> {
    fn one<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Shape> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    /// Whether the type has taken them all.
    fn end(&self, all: usize) -> Result<(), Shape> {
        let taken = all - self.left;
        if self.left == 0 { Ok(()) } else { Err(Shape::invalid_length(all, &format!("{taken}").as_str())) }
    }
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Shape;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Shape> {
        self.one(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(LIMITS.elements))
    }
}

impl<'de> MapAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Shape;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Shape> {
        self.one(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Shape> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(LIMITS.elements))
    }
}

impl<'de> EnumAccess<'de> for &mut Reader<'de> {
    type Error = Shape;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Shape> {
        let variant = seed.deserialize(&mut *self)?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Reader<'de> {
    type Error = Shape;

    fn unit_variant(self) -> Result<(), Shape> {
        match self.next()? {
            Token::Nil => Ok(()),
            other => Err(other.wrong(&"nothing for a variant without values")),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Shape> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Shape> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Shape> {
        self.deserialize_map(visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::super::{check, decode, encode};
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Choice {
        Nothing,
        One(i16),
        Two(u8, String),
        Named { a: Option<bool>, b: f32 },
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Wrapped(u64);

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Everything {
        signed: i64,
        wrapped: Wrapped,
        float: f64,
        text: String,
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
        choices: Vec<Choice>,
        keyed: BTreeMap<u16, (IpAddr, Option<u32>)>,
        unit: (),
    }

    fn choice() -> impl Strategy<Value = Choice> {
        prop_oneof![
            Just(Choice::Nothing),
            any::<i16>().prop_map(Choice::One),
            (any::<u8>(), ".{0,40}").prop_map(|(a, b)| Choice::Two(a, b)),
            (any::<Option<bool>>(), any::<i16>()).prop_map(|(a, b)| Choice::Named { a, b: b.into() }),
        ]
    }

    prop_compose! {
        fn everything()(
            signed: i64, number: u64, float in -1e9..1e9, text in "(?s).{0,300}",
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            choices in prop::collection::vec(choice(), 0..20),
            keyed in prop::collection::btree_map(any::<u16>(), (any::<IpAddr>(), any::<Option<u32>>()), 0..5),
        ) -> Everything {
            Everything { signed, wrapped: Wrapped(number), float, text, bytes, choices, keyed, unit: () }
        }
    }

    /// What the general reader of the crate makes of it.
    fn rmp(bytes: &[u8]) -> Option<Everything> {
        let mut reader = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
        Everything::deserialize(&mut reader).ok()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read_back(value in everything()) {
            prop_assert_eq!(decode::<Everything>(&encode(&value).unwrap()).unwrap(), value);
        }

        /// It takes less than the general one, and nothing otherwise.
        #[test]
        fn whatever_it_reads_the_general_reader_reads_alike(
            value in everything(), at: prop::sample::Index, byte: u8,
        ) {
            let mut bytes = encode(&value).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(read) = decode::<Everything>(&bytes) {
                // As text: no number is not equal to itself.
                prop_assert_eq!(format!("{:?}", rmp(&bytes)), format!("{:?}", Some(read)));
            }
        }

        #[test]
        fn no_bytes_make_it_panic_even_unchecked(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Everything::deserialize(&mut Reader::new(&bytes));
            let _ = serde::de::IgnoredAny::deserialize(&mut Reader::new(&bytes));
        }
    }

    #[test]
    fn what_takes_anything_is_given_anything() {
        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(untagged)]
        enum Any {
            Flag(bool),
            Number(i64),
            Text(String),
            List(Vec<Any>),
            Map(BTreeMap<String, Any>),
        }
        // {"a": [1, -1, true], "b": "x"}
        let bytes = [0x82, 0xa1, b'a', 0x93, 1, 0xff, 0xc3, 0xa1, b'b', 0xa1, b'x'];
        let list = Any::List(vec![Any::Number(1), Any::Number(-1), Any::Flag(true)]);
        let map = [("a".to_owned(), list), ("b".to_owned(), Any::Text("x".to_owned()))];
        assert_eq!(decode::<Any>(&bytes).unwrap(), Any::Map(map.into()));
    }

    #[test]
    fn a_number_in_any_width_is_that_number_and_one_that_does_not_fit_is_refused() {
        for bytes in
            [&[7][..], &[0xcc, 7], &[0xcd, 0, 7], &[0xce, 0, 0, 0, 7], &[0xd3, 0, 0, 0, 0, 0, 0, 0, 7]]
        {
            assert_eq!(decode::<u8>(bytes).unwrap(), 7);
        }
        assert_eq!(decode::<i8>(&[0xd1, 0xff, 0x80]).unwrap(), -128);
        assert_eq!(decode::<i64>(&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0]).unwrap(), i64::MIN);
        for bytes in [&[0xff][..], &[0xcd, 1, 0], &[0xa1, b'7'], &[0xc0]] {
            assert!(decode::<u8>(bytes).is_err(), "{bytes:?}");
        }
        assert!(check(&[0x93, 1, 2, 3], &LIMITS).is_ok());
        assert!(decode::<(u8, u8)>(&[0x93, 1, 2, 3]).is_err(), "one too many");
    }
}
