//! Which Rust values are which Candid values.

use crate::types::{field_hash, leb};
use crate::{CandidType, Deserialize, Error, Reader, Type};

/// Who calls, or is called: up to 29 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal(Vec<u8>);

impl Principal {
    pub fn anonymous() -> Self {
        Principal(vec![4])
    }

    pub fn from_slice(slice: &[u8]) -> Self {
        assert!(slice.len() <= 29, "slice length exceeds capacity");
        Principal(slice.to_vec())
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

/// One Rust type without parts: its name in Candid, how it is written, how it is read.
macro_rules! plain {
    ($rust:ty, $candid:literal, $write:expr, $read:expr) => {
        impl CandidType for $rust {
            fn ty() -> Type {
                Type::plain($candid)
            }

            fn write(&self, out: &mut Vec<u8>) {
                let write: fn(&$rust, &mut Vec<u8>) = $write;
                write(self, out)
            }
        }

        impl Deserialize for $rust {
            fn read(wire: &Type, from: &mut Reader<'_>) -> Result<Self, Error> {
                if *wire != Type::plain($candid) {
                    return Err(format!("{} is not {}", wire.text(), $candid));
                }
                let read: fn(&mut Reader<'_>) -> Result<$rust, Error> = $read;
                read(from)
            }
        }
    };
}

macro_rules! numbers {
    ($($rust:ty, $candid:literal;)*) => {
        $(plain!($rust, $candid, |it, out| out.extend(it.to_le_bytes()), |from| {
            let bytes = from.bytes(std::mem::size_of::<$rust>())?;
            Ok(<$rust>::from_le_bytes(bytes.try_into().expect("as many as asked for")))
        });)*
    };
}

numbers! {
    u8, "nat8"; u16, "nat16"; u32, "nat32"; u64, "nat64";
    i8, "int8"; i16, "int16"; i32, "int32"; i64, "int64";
    f32, "float32"; f64, "float64";
}
plain!(bool, "bool", |it, out| out.push((*it).into()), |from| Ok(from.bytes(1)?[0] != 0));
plain!(String, "text", |it, out| write_bytes(it.as_bytes(), out), |from| {
    let bytes = read_bytes(from)?.to_vec();
    String::from_utf8(bytes).map_err(|bad| bad.to_string())
});
plain!(
    Principal,
    "principal",
    |it, out| {
        out.push(1);
        write_bytes(&it.0, out);
    },
    |from| {
        from.bytes(1)?;
        Ok(Principal(read_bytes(from)?.to_vec()))
    }
);

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    leb(bytes.len() as u64, out);
    out.extend(bytes);
}

fn read_bytes<'a>(from: &mut Reader<'a>) -> Result<&'a [u8], Error> {
    let size = from.size()?;
    from.bytes(size)
}

/// Pass over a value that nobody asked for.
fn skip(wire: &Type, from: &mut Reader<'_>) -> Result<(), Error> {
    match wire {
        Type::Plain(name, _) => match *name {
            "bool" | "nat8" | "int8" => from.bytes(1).map(drop),
            "nat16" | "int16" => from.bytes(2).map(drop),
            "nat32" | "int32" | "float32" => from.bytes(4).map(drop),
            "nat64" | "int64" | "float64" => from.bytes(8).map(drop),
            "nat" | "int" => from.leb().map(drop),
            "text" => read_bytes(from).map(drop),
            "principal" => Principal::read(wire, from).map(drop),
            _ => Ok(()),
        },
        Type::Opt(inner) => match from.bytes(1)?[0] {
            0 => Ok(()),
            _ => skip(inner, from),
        },
        Type::Vec(inner) => (0..from.size()?).try_for_each(|_| skip(inner, from)),
        Type::Record(_) => read_record(wire, from, |_, _, _| Ok(false)),
    }
}

impl<T: CandidType> CandidType for Option<T> {
    fn ty() -> Type {
        Type::Opt(Box::new(T::ty()))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.is_some().into());
        self.iter().for_each(|it| it.write(out));
    }
}

impl<T: Deserialize> Deserialize for Option<T> {
    fn read(wire: &Type, from: &mut Reader<'_>) -> Result<Self, Error> {
        match wire {
            Type::Opt(inner) => match from.bytes(1)?[0] {
                0 => Ok(None),
                _ => T::read(inner, from).map(Some),
            },
            Type::Plain("null" | "reserved", _) => Ok(None),
            other => T::read(other, from).map(Some),
        }
    }

    fn absent(_name: &str) -> Result<Self, Error> {
        Ok(None)
    }
}

impl<T: CandidType> CandidType for Vec<T> {
    fn ty() -> Type {
        Type::Vec(Box::new(T::ty()))
    }

    fn write(&self, out: &mut Vec<u8>) {
        leb(self.len() as u64, out);
        self.iter().for_each(|it| it.write(out));
    }
}

impl<T: Deserialize> Deserialize for Vec<T> {
    fn read(wire: &Type, from: &mut Reader<'_>) -> Result<Self, Error> {
        match wire {
            Type::Vec(inner) => (0..from.size()?).map(|_| T::read(inner, from)).collect(),
            other => Err(format!("{} is not vec", other.text())),
        }
    }
}

/// Read a record: each field by `fill`, or pass over it where that says no.
pub fn read_record(
    wire: &Type,
    from: &mut Reader<'_>,
    mut fill: impl FnMut(u32, &Type, &mut Reader<'_>) -> Result<bool, Error>,
) -> Result<(), Error> {
    let fields = match wire {
        Type::Record(fields) => fields,
        other => return Err(format!("{} is not record", other.text())),
    };
    for (hash, _, ty) in fields {
        if !fill(*hash, ty, from)? {
            skip(ty, from)?;
        }
    }
    Ok(())
}

/// Write a record: its fields, by name, in the order of their hashes.
pub fn write_record(fields: &[(&str, &dyn Fn(&mut Vec<u8>))], out: &mut Vec<u8>) {
    let mut ordered: Vec<_> = fields.iter().collect();
    ordered.sort_by_key(|field| field_hash(field.0));
    ordered.iter().for_each(|field| field.1(out));
}

impl CandidType for () {
    fn ty() -> Type {
        Type::plain("null")
    }

    fn write(&self, _out: &mut Vec<u8>) {}
}

impl Deserialize for () {
    fn read(wire: &Type, from: &mut Reader<'_>) -> Result<Self, Error> {
        skip(wire, from)
    }
}

/// Tuples are records whose fields are numbers.
macro_rules! tuple {
    ($($name:ident $place:tt),*) => {
        impl<$($name: CandidType),*> CandidType for ($($name,)*) {
            fn ty() -> Type {
                Type::record(vec![$((stringify!($place), $name::ty())),*])
            }

            fn write(&self, out: &mut Vec<u8>) {
                $(self.$place.write(out);)*
            }
        }

        #[allow(non_snake_case)]
        impl<$($name: Deserialize),*> Deserialize for ($($name,)*) {
            fn read(wire: &Type, from: &mut Reader<'_>) -> Result<Self, Error> {
                $(let mut $name = None;)*
                read_record(wire, from, |hash, ty, from| {
                    match hash {
                        $($place => $name = Some($name::read(ty, from)?),)*
                        _ => return Ok(false),
                    }
                    Ok(true)
                })?;
                Ok(($($name.map_or_else(|| $name::absent(stringify!($place)), Ok)?,)*))
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
