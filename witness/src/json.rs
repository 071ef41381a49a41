//! Objects and arrays of which some parts are read and the rest is passed over.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::fault::Reason;
use crate::trail::{Step, Trail};

/// A field that is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    name: &'static str,
    required: bool,
}

/// A field that has to be there.
pub(crate) const fn required(name: &'static str) -> Field {
    Field { name, required: true }
}

/// A field that may be there.
pub(crate) const fn optional(name: &'static str) -> Field {
    Field { name, required: false }
}

/// An object; fields that it does not know are passed over.
pub(crate) trait Object {
    /// In words.
    const WHAT: &'static str;
    /// The fields that it knows, at most 64.
    const FIELDS: &'static [Field];

    /// Takes the value of one of them.
    fn take<'de, A: MapAccess<'de>>(
        &mut self,
        trail: &Trail,
        field: &'static str,
        values: &mut A,
    ) -> Result<(), A::Error>;
}

/// An array.
pub(crate) trait Array {
    /// In words.
    const WHAT: &'static str;
    /// How many items it has to have; any number where nothing is said.
    const LENGTH: Option<usize> = None;

    /// Takes the next item, if there is one.
    fn take<'de, A: SeqAccess<'de>>(
        &mut self,
        trail: &Trail,
        items: &mut A,
    ) -> Result<Option<()>, A::Error>;
}

/// Reads an object.
pub(crate) struct ReadObject<'r, T>(pub(crate) &'r Trail, pub(crate) &'r mut T);

/// Reads an array.
pub(crate) struct ReadArray<'r, T>(pub(crate) &'r Trail, pub(crate) &'r mut T);

impl<'de, T: Object> DeserializeSeed<'de> for ReadObject<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        // A text where an object should be is kept for the error's words.
        self.0.keep_short();
        from.deserialize_map(self)
    }
}

impl<'de, T: Object> Visitor<'de> for ReadObject<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WHAT)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(trail, object) = self;
        let mut seen = 0_u64;
        while let Some(known) = trail.short(|| map.next_key_seed(Name(T::FIELDS)))? {
            let Some((index, name)) = known else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            trail.within(Step::Field(name), || {
                if seen & (1 << index) != 0 {
                    return Err(trail.refuse(Reason::Twice));
                }
                seen |= 1 << index;
                object.take(trail, name, &mut map)
            })?;
        }
        let mut fields = T::FIELDS.iter().enumerate();
        match fields.find(|(index, field)| field.required && seen & (1 << index) == 0) {
            Some((_, field)) => Err(trail.refuse(Reason::Missing(field.name))),
            None => Ok(()),
        }
    }
}

impl<'de, T: Array> DeserializeSeed<'de> for ReadArray<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.0.keep_short();
        from.deserialize_seq(self)
    }
}

impl<'de, T: Array> Visitor<'de> for ReadArray<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WHAT)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self(trail, array) = self;
        trail.may_be_long();
        for index in 0.. {
            let taken = trail.within(Step::Item(index), || array.take(trail, &mut items))?;
            if taken.is_none() {
                let length = T::LENGTH.unwrap_or(index);
                let wrong = Reason::WrongLength { wanted: length, found: index };
                return if index == length { Ok(()) } else { Err(trail.refuse(wrong)) };
            }
        }
        Ok(())
    }
}

/// Which of the known fields a name is, and its number among them.
pub(crate) struct Name(pub(crate) &'static [Field]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<(usize, &'static str)>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<(usize, &'static str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        let mut fields = self.0.iter().enumerate();
        let known = fields.find(|(_, field)| field.name == name);
        Ok(known.map(|(index, field)| (index, field.name)))
    }
}

/// Which of JSON's types a value is; the value is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `null`
    Null,
}

/// Finds it out.
pub(crate) struct ReadKind<'r>(pub(crate) &'r Trail, pub(crate) &'static str);

impl<'de> DeserializeSeed<'de> for ReadKind<'_> {
    type Value = Kind;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Kind, D::Error> {
        let trail = self.0;
        trail.keep_short();
        let kind = from.deserialize_any(self)?;
        trail.may_be_long();
        Ok(kind)
    }
}

impl<'de> Visitor<'de> for ReadKind<'_> {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        self.0.may_be_long();
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Kind::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        while self.0.short(|| map.next_key_seed(Name(&[])))?.is_some() {
            map.next_value::<IgnoredAny>()?;
        }
        Ok(Kind::Object)
    }
}
