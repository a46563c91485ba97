//! JSON of answers. Lists are most of what the server writes, so their usual shapes (structs, lists,
//! texts, whole numbers) are written here, with one look at each text instead of one at each byte;
//! an answer that holds anything else is left to `serde_json` as a whole. Both write the same bytes.

use std::fmt::{self, Display, Write as _};

use serde::Serialize;
use serde::ser::{self, Impossible, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

/// Room for a page of a list.
const CAPACITY_BYTES: usize = 8192;

/// The JSON of a value, without blanks.
///
/// # Errors
/// What the value's own `Serialize` says.
pub fn to_vec(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut json = Json { out: Vec::with_capacity(CAPACITY_BYTES) };
    match value.serialize(&mut json) {
        Ok(()) => Ok(json.out),
        Err(Unusual) => serde_json::to_vec(value),
    }
}

struct Json {
    out: Vec<u8>,
}

/// Something that is left to `serde_json`.
#[derive(Debug)]
struct Unusual;

impl Display for Unusual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("left to serde_json")
    }
}

impl std::error::Error for Unusual {}

impl ser::Error for Unusual {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

/// Whether a text holds quotes, backslashes or control characters; looks at eight bytes at a time.
fn has_escapes(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(last) = bytes.last_chunk::<8>() else {
        return bytes.iter().any(|byte| matches!(byte, 0..b' ' | b'"' | b'\\'));
    };
    // The last eight bytes overlap the ones before where the length is no multiple of eight.
    bytes.as_chunks::<8>().0.iter().chain([last]).any(|chunk| has_escape(u64::from_le_bytes(*chunk)))
}

/// The test for a byte below a limit in a word, after "Bit Twiddling Hacks" by Sean Eron Anderson
/// (hasless, haszero). It errs only in which byte it marks, not in whether there is one.
fn has_escape(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    let has_less = |word: u64, than: u8| word.wrapping_sub(ONES * u64::from(than)) & !word;
    let has = |byte: u8| has_less(word ^ (ONES * u64::from(byte)), 1);
    (has_less(word, b' ') | has(b'"') | has(b'\\')) & (ONES * 0x80) != 0
}

impl Json {
    fn text(&mut self, text: &str) -> Result<(), Unusual> {
        if has_escapes(text) {
            return serde_json::to_writer(&mut self.out, text).map_err(|_| Unusual);
        }
        self.out.reserve(text.len() + 2);
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
        Ok(())
    }

    fn number(&mut self, number: impl itoa::Integer) {
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn open(&mut self, bracket: u8, close: u8) -> Open<'_> {
        self.out.push(bracket);
        Open { json: self, is_empty: true, close }
    }
}

/// A list or an object that is being written.
struct Open<'j> {
    json: &'j mut Json,
    is_empty: bool,
    close: u8,
}

impl Open<'_> {
    fn separate(&mut self) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.json.out.push(b',');
        }
    }

    fn close(self) {
        self.json.out.push(self.close);
    }
}

impl SerializeSeq for Open<'_> {
    type Ok = ();
    type Error = Unusual;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unusual> {
        self.separate();
        value.serialize(&mut *self.json)
    }

    fn end(self) -> Result<(), Unusual> {
        self.close();
        Ok(())
    }
}

impl SerializeStruct for Open<'_> {
    type Ok = ();
    type Error = Unusual;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Unusual> {
        self.separate();
        let out = &mut self.json.out;
        // Names of fields are our own and need no look.
        debug_assert!(!has_escapes(key), "the name of a field: {key}");
        out.reserve(key.len() + 3);
        out.push(b'"');
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":");
        value.serialize(&mut *self.json)
    }

    fn end(self) -> Result<(), Unusual> {
        self.close();
        Ok(())
    }
}

impl SerializeMap for Open<'_> {
    type Ok = ();
    type Error = Unusual;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unusual> {
        self.separate();
        let start = self.json.out.len();
        key.serialize(&mut *self.json)?;
        // A key that is no text becomes one, by rules that are not repeated here.
        if self.json.out.get(start) == Some(&b'"') { Ok(()) } else { Err(Unusual) }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unusual> {
        self.json.out.push(b':');
        value.serialize(&mut *self.json)
    }

    fn end(self) -> Result<(), Unusual> {
        self.close();
        Ok(())
    }
}

macro_rules! numbers {
    ($($method:ident($number:ty)),*) => {
        $(fn $method(self, number: $number) -> Result<(), Unusual> {
            self.number(number);
            Ok(())
        })*
    };
}

macro_rules! unusual {
    ($($method:ident($($argument:ty),*) -> $ok:ty),* $(,)?) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$ok, Unusual> {
            Err(Unusual)
        })*
    };
}

type Never = Impossible<(), Unusual>;

impl<'j> Serializer for &'j mut Json {
    type Ok = ();
    type Error = Unusual;
    type SerializeSeq = Open<'j>;
    type SerializeMap = Open<'j>;
    type SerializeStruct = Open<'j>;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeStructVariant = Never;

    numbers!(serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64));
    numbers!(serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64));
    unusual! {
        serialize_f32(f32) -> (),
        serialize_f64(f64) -> (),
        serialize_char(char) -> (),
        serialize_bytes(&[u8]) -> (),
        serialize_tuple(usize) -> Never,
        serialize_tuple_struct(&'static str, usize) -> Never,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never,
    }

    fn serialize_bool(self, value: bool) -> Result<(), Unusual> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_str(self, text: &str) -> Result<(), Unusual> {
        self.text(text)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Unusual> {
        let start = self.out.len() + 1;
        self.out.push(b'"');
        write!(Utf8(&mut self.out), "{value}").map_err(|_| Unusual)?;
        let has_escapes = std::str::from_utf8(&self.out[start..]).map_or(true, has_escapes);
        self.out.push(b'"');
        if has_escapes { Err(Unusual) } else { Ok(()) }
    }

    fn serialize_none(self) -> Result<(), Unusual> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unusual> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unusual> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unusual> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Unusual> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unusual> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Unusual> {
        Err(Unusual)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Open<'j>, Unusual> {
        Ok(self.open(b'[', b']'))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Open<'j>, Unusual> {
        Ok(self.open(b'{', b'}'))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Open<'j>, Unusual> {
        // `serde_json` passes its own numbers to itself under a name like this.
        if name.starts_with('$') { Err(Unusual) } else { Ok(self.open(b'{', b'}')) }
    }
}

/// What is formatted, appended as UTF-8.
struct Utf8<'o>(&'o mut Vec<u8>);

impl fmt::Write for Utf8<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
